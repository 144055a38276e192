"""A chunk of an image's pixels is a link to somebody's file."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    [chunk] = [path for path in (place.image() / "data/c").rglob("*") if path.is_file()]
    place.link(chunk, "secret.txt")
