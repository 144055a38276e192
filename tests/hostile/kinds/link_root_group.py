"""The attributes of the dataset are a link to somebody's JSON file."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link("zarr.json", "secret.json")
