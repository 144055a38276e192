"""Links lead to files that would be made outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    for name in ("velocity_events/detector.json", "velocity_events/params.json", "new.json"):
        place.link(place.analysis() / name, "none.json")
