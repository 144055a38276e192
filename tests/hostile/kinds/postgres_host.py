"""What says where the lake is names a host that its user never allowed."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:host=127.0.0.1 port={place.port} dbname=x user=me")
