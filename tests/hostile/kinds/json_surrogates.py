"""Texts in JSON files hold half characters, NUL and escapes of terminals."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.write(
        place.analysis() / "metadata.json",
        '{"source": {"path": "\\ud800", "note": "\\u0000\\u001b]0;x\\u0007"}}',
    )
