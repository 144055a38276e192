"""What says where the lake is names a catalog of another kind: sqlite."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(f"sqlite:{place.outside}/secret.txt")
