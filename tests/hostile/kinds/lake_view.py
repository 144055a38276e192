"""The lake has a view that reads a file outside, and bears a table's name."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        sql = f"SELECT * FROM read_parquet('{place.outside}/secret.parquet')"
        for name in ("kym_images", "mine"):
            con.execute(
                "INSERT INTO ducklake_view VALUES (90, uuid(), 1, NULL, 0, $1, 'duckdb', $2, '')",
                [name, sql],
            )
