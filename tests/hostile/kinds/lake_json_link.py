"""What says where the lake is, is a link to somebody's JSON file."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("tables/lake.json", "secret.json")
