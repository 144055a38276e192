"""The settings of the review are a link to a file outside."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.link("review/settings.json", "secret.json")
