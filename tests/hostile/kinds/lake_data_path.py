"""The catalog says that all its data are outside."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_metadata SET value = $1 WHERE key = 'data_path'", [f"{place.outside}/"]
        )
