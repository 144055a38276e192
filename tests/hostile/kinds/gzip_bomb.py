"""A small gzipped artifact unpacks to a gigabyte."""

from __future__ import annotations

import gzip

from tests.hostile.place import Place


def make(place: Place) -> None:
    place.write(place.analysis() / "big.json.gz", gzip.compress(b" " * (1 << 30), 9))
    place.write(place.analysis() / "big.csv.gz", gzip.compress(b"," * (1 << 30), 9))
