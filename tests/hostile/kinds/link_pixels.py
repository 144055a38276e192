"""An image's pixels are a link to somebody's array."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.image() / "data", "array")
