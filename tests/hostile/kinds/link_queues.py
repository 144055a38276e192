"""The folder of the queues is a link to one outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("review/queues", place.outside)
