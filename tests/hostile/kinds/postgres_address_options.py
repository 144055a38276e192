"""What says where the lake is hides a host behind an address's options."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:postgresql://localhost/x?host=127.0.0.1&port={place.port}")
