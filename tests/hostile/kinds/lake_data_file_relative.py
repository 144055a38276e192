"""The catalog names a data file outside, by dots."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_data_file SET path = '../../../../../../outside/secret.parquet'"
        )
