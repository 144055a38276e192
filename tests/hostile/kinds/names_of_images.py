"""Folders among the images bear names that could be paths, commands or devices."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    for name in (
        "a\nb",
        "nul",
        "c:",
        "..a",
        "$(touch x)",
        "'; DROP TABLE x; --",
        "\x1b[2J",
        "-o",
        "~",
    ):
        (place.path / "images" / name).mkdir()
