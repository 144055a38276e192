"""The catalog has a schema's files on the network."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "UPDATE ducklake_schema SET path = $1, path_is_relative = false",
            [f"http://127.0.0.1:{place.port}/"],
        )
