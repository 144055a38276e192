"""A ledger is a link to somebody's Parquet file."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("plain",)
READS = True


def make(place: Place) -> None:
    place.link("index/kym_velocity_events.runs.parquet", "secret.parquet")
