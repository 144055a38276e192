"""The catalog is no database."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    place.write("tables/lake/catalog.ducklake", b"\x00" * 5000)
