"""The folder of tables is a link out."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link("tables", "main")
