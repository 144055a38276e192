"""Small gzipped artifacts unpack to hundreds of megabytes."""

from __future__ import annotations

import gzip
from functools import cache

from tests.hostile.place import Place


@cache
def packed(filler: bytes) -> bytes:
    return gzip.compress(filler * (300 << 20), 1)


def make(place: Place) -> None:
    place.write(place.analysis() / "big.json.gz", packed(b" "))
    place.write(place.analysis() / "big.csv.gz", packed(b","))
