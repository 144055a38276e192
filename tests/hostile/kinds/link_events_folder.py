"""The folder of events, params and what they were made with is a link out."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity_events", "velocity")
