"""What says where the lake is, and its catalog, are pipes."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)
LATER = "what is no file is met by reads that are still to come"


def make(place: Place) -> None:
    place.special(place.path / "tables/lake.json")
    place.special(place.path / "tables/lake/catalog.ducklake")
