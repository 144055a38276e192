"""The folder of images being replaced is a link out."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("images/.swapped", "")
