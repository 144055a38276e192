"""What says where the lake is names a service file."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(
        f"postgres:service=x servicefile={place.outside}/secret.txt host=127.0.0.1 port={place.port}"
    )
