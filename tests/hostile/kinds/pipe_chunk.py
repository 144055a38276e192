"""A chunk of the pixels is a pipe."""

from __future__ import annotations

from tests.hostile.place import Place

LATER = "what is no file is met by reads that are still to come"


def make(place: Place) -> None:
    [chunk] = [path for path in (place.image() / "data/c").rglob("*") if path.is_file()]
    place.special(chunk)
