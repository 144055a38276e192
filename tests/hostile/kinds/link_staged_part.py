"""The parts of a run that seems dead are links to somebody's files."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place

READS = True


def make(place: Place) -> None:
    run = f"index/staging/{TABLE}/{'0' * 32}"
    for name in ("000001.runs.parquet", "000001.rows.parquet", "000001.params.parquet"):
        place.link(f"{run}/{name}", "secret.parquet")
    place.link(f"{run}/run.json", "secret.json")
    place.link(f"{run}/000001.begun", "secret.json")
