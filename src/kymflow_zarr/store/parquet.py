"""Parquet files by their exact paths, which Polars and DuckDB by default take for patterns.

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
from kymflow_zarr.store import layout
from kymflow_zarr.store.files import open_plain, writing

if TYPE_CHECKING:
    import duckdb
    import polars as pl

MAX_VALUES = 100_000_000
MAX_TEXT = 4 << 30
_PROBE_BYTES = 1 << 16
_READ_AT_ONCE = 16 << 20
_NOISE = "parquet: File out of specification: underlying IO error: "

PathLike = str | os.PathLike[str]


def scan(path: PathLike) -> pl.LazyFrame:
    """Return a Parquet file as a lazy frame.

    The file is opened once, here, so that a file which replaces it later can't mix into the rows.
    One of up to 16 MiB is also read at once: Polars maps files into memory, and a page that the
    disk then fails to deliver kills the process.

    Raises:
        OSError: If it can't be opened or read.
    """
    import polars as pl

    with open_plain(path) as file:
        small = os.fstat(file.fileno()).st_size <= _READ_AT_ONCE
        return pl.scan_parquet(file.read() if small else file)


def scan_many(paths: Sequence[PathLike], *, include_file_paths: str | None = None) -> pl.LazyFrame:
    """Return Parquet files of one schema as one lazy frame.

    Args:
        paths: The files.
        include_file_paths: Name of a column to add: the file that each row comes from.
    """
    import polars as pl

    return pl.scan_parquet(
        [os.fspath(path) for path in paths],
        glob=False,
        hive_partitioning=False,
        include_file_paths=include_file_paths,
    )


def load(path: PathLike) -> pl.DataFrame:
    """Return an artifact's Parquet file as a frame, if it does not hold too much.

    Raises:
        OSError: If it can't be opened or read.
        ValueError: If it holds more than 100 million values or 4 GiB of text: a file of some
            hundred bytes may.
        polars.exceptions.PolarsError: If it is damaged.
    """
    import pyarrow.parquet as pq

    with open_plain(path) as file:
        footer = pq.ParquetFile(file).metadata
        held = sum(
            footer.row_group(group).column(column).num_values
            for group in range(footer.num_row_groups)
            for column in range(footer.num_columns)
        )
    if held > MAX_VALUES:
        raise ValueError(f"it holds {held:,} values, more than the {MAX_VALUES:,} that are read")
    frame = scan(path).collect()
    check_texts(frame)
    return frame


def check_texts(frame: pl.DataFrame) -> None:
    """Refuse a frame of too much text; repeated texts take no room until they are written.

    Raises:
        ValueError: If it has more than 4 GiB.
    """
    import polars as pl
    import polars.selectors as cs

    lengths = frame.select(
        cs.string().str.len_bytes().cast(pl.Int64).sum(),
        cs.binary().bin.size().cast(pl.Int64).sum(),
    )
    held = sum(length or 0 for length in lengths.row(0)) if lengths.width else 0
    if held > MAX_TEXT:
        raise ValueError(f"it holds {held:,} bytes of text, more than the {MAX_TEXT:,} allowed")


def schema(path: PathLike) -> pl.Schema:
    """Return the columns of a Parquet file and their dtypes."""
    return scan(path).collect_schema()


def metadata(path: PathLike) -> dict[str, str]:
    """Read the texts that the footer of a Parquet file keeps by name; empty if it can't be read."""
    import polars as pl

    try:
        with open_plain(path) as file:
            found = pl.read_parquet_metadata(file)
    except read_errors():
        return {}
    return found


def write(frame: pl.DataFrame, path: PathLike, *, level: int | None = None) -> None:
    """Write a frame as a Parquet file.

    Args:
        frame: The frame.
        path: The file.
        level: Compression level; by default that of Polars.

    Raises:
        WriteError: If it can't be written, as on a full disk.
    """
    import polars as pl

    path = Path(path)
    with writing(layout.temporary_of(path) or path):
        try:
            frame.write_parquet(path, compression="zstd", compression_level=level)
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            _write_on(path)
            raise OSError(first_line(error).removeprefix(_NOISE)) from error


def _write_on(path: Path) -> None:
    """Append to a file, so that the system says why it can't grow.

    Polars may report a full disk as a file "out of specification".
    """
    with path.open("ab") as file:
        file.write(bytes(_PROBE_BYTES))


def read_errors() -> tuple[type[BaseException], ...]:
    """Return the types of error that reading a damaged Parquet file may raise.

    A panic of Polars is a BaseException, not an Exception.
    """
    import duckdb
    import polars as pl
    import pyarrow as pa

    panic: type[BaseException] = pl.exceptions.PanicException
    return OSError, duckdb.Error, pl.exceptions.PolarsError, pa.ArrowException, panic


def count_rows(con: duckdb.DuckDBPyConnection, paths: Sequence[PathLike]) -> int:
    """Count the rows of some Parquet files from their footers."""
    if not paths:
        return 0
    sql = "SELECT sum(num_rows) FROM parquet_file_metadata($paths)"
    return int(value(con, sql, {"paths": [duckdb_path(path) for path in paths]}))


def unreadable(path: Path, error: BaseException) -> ReadError | TableUnreadableError:
    """Return the error that says why a table can't be read, and what to do about it.

    Args:
        path: The table's file.
        error: The error of reading it.
    """
    why = reason(error)
    if refused(error):
        return ReadError(
            f"the table file can't be read ({why}), though it may be intact: check permissions and "
            f"the disk, and try again",
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
        with open_plain(path) as file:
            for _ in pq.ParquetFile(file).iter_batches():
                pass
    except FileNotFoundError:
        return None
    except (pa.ArrowException, OSError) as error:
        return f"it can't be read: {first_line(error)}"
    return None


def duckdb_path(path: PathLike) -> str:
    """Escape a path, so that DuckDB's readers read exactly that file.

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
