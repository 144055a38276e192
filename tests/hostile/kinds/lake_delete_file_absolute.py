"""The catalog names a delete file outside, by its whole path."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_delete_file SET path = $1, path_is_relative = false",
            [str(place.outside / "secret.parquet")],
        )
