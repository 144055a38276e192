"""What says where the lake is names a catalog of another kind: file."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"{place.outside}/secret.duckdb")
