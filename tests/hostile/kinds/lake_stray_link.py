"""The lake's data hold a link out that no table names."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    place.link("tables/lake/data/out", "")
