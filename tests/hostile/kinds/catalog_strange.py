"""What says where the lake is holds values of other types."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.write("tables/lake.json", {"catalog": ["x"], "schema": 1})
