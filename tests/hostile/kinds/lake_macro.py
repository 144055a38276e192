"""The lake has a macro that reads a file outside."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        sql = f"SELECT * FROM read_text('{place.outside}/secret.txt')"
        con.execute("INSERT INTO ducklake_macro VALUES (0, 90, 'count', 1, NULL)")
        con.execute("INSERT INTO ducklake_macro_impl VALUES (90, 0, 'duckdb', $1, 'table')", [sql])
