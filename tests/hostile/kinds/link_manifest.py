"""The manifest is a link to somebody's Parquet file."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link("index/manifest.parquet", "secret.parquet")
