"""Find and read the rows artifacts of many images at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from kymflow_zarr.store import parquet
from kymflow_zarr.store.reads import is_plain, read_many
from kymflow_zarr.store.stamps import content_hash

MAX_CELLS = 50_000_000
"""The most rows times columns to read at once from many files; those of more are read singly."""

ROWS_ENDINGS = (".parquet", ".csv.gz")
"""Endings of a rows artifact's file, first choice first."""

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
    # Plain strings: this runs once per image, and a Path costs more than the look-up itself.
    for artifact in artifacts:
        for suffix in ROWS_ENDINGS:
            path = f"{folder}/{artifact}{suffix}"
            plain = is_plain(path)
            if plain is not None:
                return RowsFile(path, plain and suffix == ".parquet")
    return None


def hash_readable(paths: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Yield those files that can be read to their ends, each with the hash of its bytes.

    Polars maps files into memory to read many at once, and a page that the disk refuses to deliver
    then kills the process. What was just read comes from the system's cache.

    Args:
        paths: The files; very large ones are left out.
    """
    for path, data in zip(paths, read_many(paths), strict=True):
        if isinstance(data, bytes):
            yield path, content_hash(data)


def scan_rows(paths: Mapping[str, str]) -> pl.DataFrame | None:
    """Read many Parquet files of one schema at once.

    Args:
        paths: The files, each with its image.

    Returns:
        The rows with their ``image_id``, None where the files are not so alike, one can't be
        read, or all hold too much together: lists count as one value, so that files with such
        are read singly.
    """
    images = pl.DataFrame({_PATH: list(paths), "image_id": list(paths.values())})
    try:
        files = parquet.scan_many(list(paths), include_file_paths=_PATH)
        if any(dtype.is_nested() for dtype in files.collect_schema().dtypes()):
            return None
        room = _room(files)
        rows = files.head(room + 1).collect()
        if rows.height > room:
            return None
        parquet.check_texts(rows)
        own = rows.drop("image_id", strict=False)
        return own.join(images, on=_PATH, how="left", maintain_order="left").drop(_PATH)
    except parquet.read_errors():
        return None
    except ValueError:  # too much text
        return None


def _room(rows: pl.LazyFrame) -> int:
    """Return how many rows of so many columns may be read."""
    return MAX_CELLS // max(1, len(rows.collect_schema()))
