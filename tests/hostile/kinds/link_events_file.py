"""An image's events are a link to somebody's Parquet file."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.analysis() / "velocity_events/events.parquet", "secret.parquet")
