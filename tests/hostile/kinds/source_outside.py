"""Metadata say that the image came from a file outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.say_source(folder=str(place.outside), path="../outside/secret.txt")
