"""Metadata list what is no text as artifacts that an import brought."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.say_source(artifacts=[None, 1, {}, "", "."])
