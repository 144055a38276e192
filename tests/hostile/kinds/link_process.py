"""An artifact is a link to what the system says of this process."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity_events/params.json", "/proc/self/environ")
