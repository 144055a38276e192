"""Locks and leases are pipes."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place

LATER = "what is no file is met by reads that are still to come"


def make(place: Place) -> None:
    place.special(place.path / f"index/locks/{TABLE}.lock")
    place.special(place.path / f"index/staging/{TABLE}/{'0' * 32}.lock")
    (place.path / f"index/staging/{TABLE}/{'0' * 32}").mkdir()
