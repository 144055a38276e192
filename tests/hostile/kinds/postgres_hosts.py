"""What says where the lake is names a second host beside a first."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"postgres:host=localhost,127.0.0.1 port=1,{place.port} dbname=x")
