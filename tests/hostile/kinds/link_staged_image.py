"""An image that seems to be in the making, and its lock, are links out."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    name = f"images/.staged-{'0' * 32}"
    place.link(name, "image")
    place.link(f"{name}.lock", "secret.txt")
