"""Every artifact is a link to somebody's file."""

from __future__ import annotations

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    for path in [path for path in place.analysis().rglob("*") if path.is_file()]:
        place.link(path, "secret.parquet" if path.suffix == ".parquet" else "secret.json")
