"""What says where the lake is is quoted so that readers differ."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:host='127.0.0.1' port = '{place.port}' dbname='x\\' host=127.0.0.1'")
