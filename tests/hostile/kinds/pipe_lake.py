"""What says where the lake is, and its catalog, are pipes."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    place.special(place.path / "tables/lake.json")
    place.special(place.path / "tables/lake/catalog.ducklake")
