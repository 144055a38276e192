"""An image in the trash is a link to a folder outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("trash/c", "image")
