"""Files that seem half written are links out, each beside what it would become."""

from __future__ import annotations

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    for folder, name in (
        ("tables", f"{TABLE}.parquet"),
        ("index", "manifest.parquet"),
        (".", "zarr.json"),
    ):
        place.link(f"{folder}/.{name}.{'0' * 32}.tmp", "secret.txt")
