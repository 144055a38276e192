"""The catalog is a database of SQLite."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    place.write("tables/lake/catalog.ducklake", b"SQLite format 3\x00" + bytes(4080))
