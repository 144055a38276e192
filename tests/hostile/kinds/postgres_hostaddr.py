"""What says where the lake is names an address under another host's name."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:host=localhost hostaddr=127.0.0.1 port={place.port} dbname=x")
