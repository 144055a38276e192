"""Metadata list a file outside, by its whole path, as an artifact that an import brought."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.say_source(artifacts=[str(place.outside / "secret.txt")])
