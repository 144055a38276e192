"""The folder of locks is a link out."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("index/locks", "")
