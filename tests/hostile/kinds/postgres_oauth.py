"""What says where the lake is names who is to be asked for a token."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.name_lake(
        f"postgres:host=127.0.0.1 port={place.port} oauth_issuer=http://127.0.0.1:{place.port} oauth_client_id=x"
    )
