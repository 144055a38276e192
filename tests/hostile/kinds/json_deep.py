"""JSON files are nested a hundred thousand deep."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    for name in ("metadata.json", "velocity_events/params.json", "velocity_events/detector.json"):
        place.write(place.analysis() / name, deep)
    place.write("tables/lake.json", deep)
