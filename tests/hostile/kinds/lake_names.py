"""Tables and columns of the lake bear names that are SQL or paths."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_table SET table_name = '../x' || table_id WHERE table_name = 'kym_images'"
        )
        con.execute(
            "UPDATE ducklake_column SET column_name = 'x\"; DROP' WHERE column_name = 'strength'"
        )
