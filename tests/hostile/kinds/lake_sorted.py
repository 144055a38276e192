"""A table is to be sorted by an expression."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute("INSERT INTO ducklake_sort_info VALUES (90, 1, 1, NULL)")
        con.execute(
            "INSERT INTO ducklake_sort_expression VALUES (90, 1, 0, 'random()', 'duckdb', 'ASC', 'NULLS_LAST')"
        )
