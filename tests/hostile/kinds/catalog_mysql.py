"""What says where the lake is names a catalog of another kind: mysql."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"mysql:host=127.0.0.1 port={place.port}")
