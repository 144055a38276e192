"""The catalog has its files encrypted by a key of its own."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute("UPDATE ducklake_metadata SET value = 'true' WHERE key = 'encrypted'")
