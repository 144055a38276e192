"""What says where the lake is names files of certificates."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(
        f"postgres:host=127.0.0.1 port={place.port} sslmode=require sslkey={place.outside}/secret.txt sslcert={place.outside}/secret.txt"
    )
