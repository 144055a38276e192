"""The catalog is a link to somebody's database."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    place.link("tables/lake/catalog.ducklake", "secret.duckdb")
