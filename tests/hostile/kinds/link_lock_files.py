"""Every lock is a link to somebody's file."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    for name in (TABLE, "kym_images", ".lake", ".swap", "mine"):
        place.link(f"index/locks/{name}.lock", "secret.txt")
