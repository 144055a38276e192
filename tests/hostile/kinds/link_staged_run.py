"""A run that seems dead is a link out."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    place.link(f"index/staging/{TABLE}/dead", "")
