"""Parquet files by exactly their paths, which Polars and DuckDB else take for patterns.

A ``*`` in a folder's name would match other datasets' files, and a folder ``image_id=5`` would
become a column.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import value
from kymflow_zarr.errors import ReadError, TableUnreadableError, UsageError
from kymflow_zarr.reasons import first_line, reason, refused
from kymflow_zarr.store.files import temporary_of, writing

if TYPE_CHECKING:
    import duckdb
    import polars as pl

_PROBE_BYTES = 1 << 16
_READ_AT_ONCE = 16 << 20
_NOISE = "parquet: File out of specification: underlying IO error: "

PathLike = str | os.PathLike[str]


def scan(path: PathLike) -> pl.LazyFrame:
    """Return a Parquet file as a lazy frame.

    The file is opened once, here: one that replaces it later can't get mixed into it. A small one
    is read at once as well: Polars maps others into memory, and a page that the disk then refuses
    to deliver kills the process.

    Raises:
        OSError: If it can't be opened or read.
    """
    import polars as pl

    with open(path, "rb") as file:
        small = os.fstat(file.fileno()).st_size <= _READ_AT_ONCE
        return pl.scan_parquet(file.read() if small else file)


def scan_many(paths: Sequence[PathLike], *, include_file_paths: str | None = None) -> pl.LazyFrame:
    """Return Parquet files of one schema as one lazy frame.

    Args:
        paths: The files.
        include_file_paths: A column to add, which says from which file each row comes.
    """
    import polars as pl

    return pl.scan_parquet(
        [os.fspath(path) for path in paths],
        glob=False,
        hive_partitioning=False,
        include_file_paths=include_file_paths,
    )


def schema(path: PathLike) -> pl.Schema:
    """Return the columns of a Parquet file and their dtypes."""
    return scan(path).collect_schema()


def write(frame: pl.DataFrame, path: PathLike, *, level: int | None = None) -> None:
    """Write a frame as a Parquet file.

    Args:
        frame: The frame.
        path: The file.
        level: Of the compression.

    Raises:
        WriteError: If it can't be written, as on a full disk.
    """
    import polars as pl

    path = Path(path)
    with writing(temporary_of(path) or path):
        try:
            frame.write_parquet(path, compression="zstd", compression_level=level)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            _write_on(path)
            raise OSError(first_line(error).removeprefix(_NOISE)) from error


def _write_on(path: Path) -> None:
    """Have the system say itself what stops a file; Polars may call a full disk a bad file."""
    with path.open("ab") as file:
        file.write(bytes(_PROBE_BYTES))


def read_errors() -> tuple[type[BaseException], ...]:
    """Return what reading a damaged Parquet file may raise; a panic of Polars is no Exception."""
    import duckdb
    import polars as pl

    panic: type[BaseException] = pl.exceptions.PanicException
    return OSError, duckdb.Error, pl.exceptions.PolarsError, panic


def count_rows(con: duckdb.DuckDBPyConnection, paths: Sequence[PathLike]) -> int:
    """Return how many rows some Parquet files hold together."""
    if not paths:
        return 0
    sql = "SELECT sum(num_rows) FROM parquet_file_metadata($paths)"
    return int(value(con, sql, {"paths": [duckdb_path(path) for path in paths]}))


def unreadable(path: Path, error: BaseException) -> ReadError | TableUnreadableError:
    """Return the error that says why a table can't be read, and what to do about it.

    Args:
        path: The table's file.
        error: What came of reading it.
    """
    why = reason(error)
    if refused(error):
        return ReadError(
            f"the table file can't be read ({why}), though it may be whole: see to permissions and "
            f"the disk, and do it again",
            artifact=str(path),
        )
    return TableUnreadableError(
        f"the table file can't be read ({why}); restore it, or delete it and build the table again",
        artifact=str(path),
    )


def read_error(path: Path) -> str | None:
    """Read a Parquet file to its end; return why it can't be, None if it can or is not there."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            for _ in pq.ParquetFile(file).iter_batches():
                pass
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        return f"it can't be read: {first_line(error)}"
    return None


def duckdb_path(path: PathLike) -> str:
    """Return a path as DuckDB's readers must be given it to read that very file.

    Raises:
        UsageError: If there is no such form: DuckDB takes every backslash in a pattern for a
            separator.
    """
    text = os.fspath(path)
    if os.sep != "\\" and "\\" in text and glob.has_magic(text):
        raise UsageError(
            f"DuckDB can't read the path {text!r}, which holds a backslash and one of *, ? and [; "
            f"rename a folder of it"
        )
    return glob.escape(text)
