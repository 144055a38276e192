"""The catalog has a schema's files outside, by its whole path."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_schema SET path = $1, path_is_relative = false", [f"{place.outside}/"]
        )
