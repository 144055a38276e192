"""Every data file of the lake is a link to somebody's Parquet file."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    for path in [*(place.path / "tables/lake/data").rglob("*.parquet")]:
        place.link(path, "secret.parquet")
