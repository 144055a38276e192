"""The catalog is a database of DuckDB that is no lake."""

from __future__ import annotations

import shutil

from tests.hostile.place import Place

IN = ("lake",)
READS = True


def make(place: Place) -> None:
    shutil.copy(place.outside / "secret.duckdb", place.path / "tables/lake/catalog.ducklake")
