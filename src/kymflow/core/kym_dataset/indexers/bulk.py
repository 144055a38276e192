"""Find and read the rows artifacts of many images at once."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from kymflow_zarr.store import parquet
from kymflow_zarr.store.reads import is_plain, read_many

MAX_CELLS = 200_000_000
"""The most rows times columns that one artifact may hold: a small file can unpack to any number."""

_PATH = "__path"


class RowsFile(NamedTuple):
    """An image's rows artifact, and whether it may be read together with others by Polars."""

    path: str
    scannable: bool


def find_rows_file(folder: str, artifacts: Sequence[str]) -> RowsFile | None:
    """Return the first artifact of some names that is there, as ``.parquet``, then ``.csv.gz``.

    Args:
        folder: An image's ``analysis`` folder.
        artifacts: The names.
    """
    # Plain strings: this runs once an image, and a Path costs more than the look-up itself.
    for artifact in artifacts:
        for suffix in (".parquet", ".csv.gz"):
            path = f"{folder}/{artifact}{suffix}"
            plain = is_plain(path)
            if plain is not None:
                return RowsFile(path, plain and suffix == ".parquet")
    return None


def readable(paths: Collection[str]) -> Iterator[str]:
    """Yield those files that can be read to their ends.

    Polars maps files into memory to read many at once, and a page that the disk refuses to deliver
    then kills the process. What was just read is delivered from the system's cache.

    Args:
        paths: The files; very large ones are left out.
    """
    for path, data in zip(paths, read_many(paths), strict=True):
        if isinstance(data, bytes):
            yield path


def scan_rows(paths: Mapping[str, str]) -> pl.DataFrame | None:
    """Read many Parquet files of one schema at once.

    Args:
        paths: The files, each with its image.

    Returns:
        The rows with their ``image_id``, None where the files are not so alike, one can't be
        read, or all hold too much together.
    """
    images = pl.DataFrame({_PATH: list(paths), "image_id": list(paths.values())})
    try:
        files = parquet.scan_many(list(paths), include_file_paths=_PATH)
        room = _room(files)
        rows = files.head(room + 1).collect()
        if rows.height > room:
            return None
        own = rows.drop("image_id", strict=False)
        return own.join(images, on=_PATH, how="left", maintain_order="left").drop(_PATH)
    except parquet.read_errors():
        return None


def is_too_large(path: Path) -> bool:
    """Tell by its footer whether a Parquet file holds too much; one that can't be read does not."""
    if not is_plain(os.fspath(path)):
        return False
    try:
        rows = parquet.scan(path)
        return bool(rows.select(pl.len()).collect().item() > _room(rows))
    except parquet.read_errors():
        return False


def _room(rows: pl.LazyFrame) -> int:
    """Return how many rows of so many columns may be read."""
    return MAX_CELLS // max(1, len(rows.collect_schema()))
