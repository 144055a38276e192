"""Metadata list files outside, by dots, as artifacts that an import brought."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    out = "../../../../outside/secret.txt"
    place.say_source(artifacts=[out, f"velocity/../{out}"])
