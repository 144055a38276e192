"""What says where the lake is holds more than is known."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.write("tables/lake.json", {"catalog": None, "schema": "main", "init_sql": "SELECT 1"})
