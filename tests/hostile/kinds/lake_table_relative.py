"""The catalog has a table's files outside, by dots."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute("UPDATE ducklake_table SET path = '../../../../../outside/'")
