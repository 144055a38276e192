"""Tables bear names that could be paths, commands or SQL."""

from __future__ import annotations

import shutil
from contextlib import suppress

from tests.hostile.place import Place

IN = ("plain",)
READS = True


def make(place: Place) -> None:
    for name in ("a\nb", "x' OR 1=1 --", 'q"; DROP VIEW y; --', "../x", "*", "kym_*", "lake.json"):
        with suppress(OSError):
            shutil.copy(place.outside / "secret.parquet", place.path / "tables" / f"{name}.parquet")
