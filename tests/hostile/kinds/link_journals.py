"""The folder of the logs of people's decisions is a link out."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link("review", "")
