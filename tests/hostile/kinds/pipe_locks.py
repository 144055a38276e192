"""Locks and leases are pipes."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    place.special(place.path / f"index/locks/{TABLE}.lock")
    place.special(place.path / f"index/staging/{TABLE}/{'0' * 32}.lock")
    (place.path / f"index/staging/{TABLE}/{'0' * 32}").mkdir()
