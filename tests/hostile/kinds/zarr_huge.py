"""The pixels are said to be of an exabyte."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.change(place.image() / "data/zarr.json", shape=[1 << 40, 1 << 20])
