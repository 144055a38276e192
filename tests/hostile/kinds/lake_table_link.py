"""The folder of a table's files is a link out."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place

IN = ("lake",)


def make(place: Place) -> None:
    place.link(f"tables/lake/data/main/{TABLE}", f"main/{TABLE}")
