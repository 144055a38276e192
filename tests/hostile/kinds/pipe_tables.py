"""Tables and ledgers are pipes."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    for name in (
        f"tables/{TABLE}.parquet",
        f"index/{TABLE}.runs.parquet",
        "index/manifest.parquet",
    ):
        place.special(place.path / name)
