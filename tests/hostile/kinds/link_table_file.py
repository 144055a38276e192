"""A table is a link to somebody's Parquet file."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("plain",)
READS = True


def make(place: Place) -> None:
    place.link("tables/kym_velocity_events.parquet", "secret.parquet")
