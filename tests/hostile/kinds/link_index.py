"""The folder of what can be derived is a link out."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link("index", "")
