"""Metadata list a file behind a link as an artifact that an import brought."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    place.link(place.analysis() / "home", "")
    place.say_source(artifacts=["home/secret.txt", "velocity/trace.parquet"])
