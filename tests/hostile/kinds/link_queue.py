"""A queue is a link to a file outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("review/queues/first.json", "secret.json")
