"""A chunk of the pixels is a pipe."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    [chunk] = [path for path in (place.image() / "data/c").rglob("*") if path.is_file()]
    place.special(chunk)
