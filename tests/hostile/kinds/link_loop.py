"""A folder of artifacts is a link to itself."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity", "../analysis/velocity")
