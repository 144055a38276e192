"""What says where the lake is names a host by an address."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:postgresql://me@127.0.0.1:{place.port}/x")
