"""A column's default is an expression."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_column SET default_value = 'getenv($$HOME$$)', default_value_type = 'expression'"
        )
