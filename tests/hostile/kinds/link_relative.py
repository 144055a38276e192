"""A link leads out by dots alone."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity_events", "../../../../outside/velocity")
