"""The folder of the lake is a link out."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    place.link("tables/lake", "")
