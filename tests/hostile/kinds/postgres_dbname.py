"""What says where the lake is hides a connection in the database's name."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:dbname='host=127.0.0.1 port={place.port} user=me'")
