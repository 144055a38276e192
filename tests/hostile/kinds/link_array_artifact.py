"""An array artifact is a link to somebody's array."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.image() / "analysis_arrays/x", "array")
