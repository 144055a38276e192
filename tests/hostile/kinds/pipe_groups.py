"""The attributes of an image, and the header of its pixels, are pipes."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.special(place.image() / "zarr.json")
    place.special(place.image() / "data/zarr.json")
