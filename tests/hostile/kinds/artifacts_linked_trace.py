"""The trace that an import brought was moved elsewhere, and its folder linked in."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity", "velocity")
