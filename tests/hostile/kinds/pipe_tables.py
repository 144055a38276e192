"""Tables and ledgers are pipes."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place

LATER = "what is no file is met by reads that are still to come"


def make(place: Place) -> None:
    for name in (
        f"tables/{TABLE}.parquet",
        f"index/{TABLE}.runs.parquet",
        "index/manifest.parquet",
    ):
        place.special(place.path / name)
