"""Artifacts are pipes."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    for name in ("metadata.json", "velocity_events/params.json", "velocity_events/events.parquet"):
        place.special(place.analysis() / name)
