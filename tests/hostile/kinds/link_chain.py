"""A link leads out by way of another inside the dataset."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link("index/first", "")
    place.link(place.analysis() / "velocity_events", "../../../index/first/velocity")
