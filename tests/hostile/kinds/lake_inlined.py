"""Rows are said to be in a table of the catalog, whose name is SQL."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "INSERT INTO ducklake_inlined_data_tables VALUES (1, 'x; DROP TABLE ducklake_table; --', 1)"
        )
