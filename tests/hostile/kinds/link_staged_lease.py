"""The lock of a run that seems dead is a link to somebody's file."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    place.link(f"index/staging/{TABLE}/{'0' * 32}.lock", "secret.txt")
