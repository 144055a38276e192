"""Parquet files are no Parquet, or cut short."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    for path in [*place.path.rglob("*.parquet")]:
        data = path.read_bytes()
        path.write_bytes(
            data[: len(data) // 2] if len(path.name) % 2 else b"PAR1" + b"x" * 100 + b"PAR1"
        )
