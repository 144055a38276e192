"""Folders stand where files should."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    for name in (
        f"tables/{TABLE}.parquet",
        f"index/{TABLE}.runs.parquet",
        "index/manifest.parquet",
    ):
        (place.path / name).unlink(missing_ok=True)
        (place.path / name).mkdir(parents=True)
    for name in ("metadata.json", "velocity_events/params.json", "velocity_events/events.parquet"):
        (place.analysis() / name).unlink()
        (place.analysis() / name).mkdir()
