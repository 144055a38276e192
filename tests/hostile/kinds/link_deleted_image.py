"""An image that seems to be in deletion is a link out."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link(f"images/.deleted-{'0' * 32}", "image")
