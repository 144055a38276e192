"""A link leads to a folder that would be made outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity_events", "none")
