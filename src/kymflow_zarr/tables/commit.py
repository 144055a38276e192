"""Commits to any back end: one error for all failures, and row counts that must add up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kymflow_zarr.errors import (
    CommitError,
    ReadOnlyError,
    TableError,
    UntrustedHostError,
    UsageError,
    WriteError,
)
from kymflow_zarr.reasons import reason
from kymflow_zarr.store import parquet


@contextmanager
def committing(name: str, file: Path | None = None) -> Iterator[None]:
    """Turn any failure of DuckDB, Polars or the system within the block into one error.

    Args:
        name: The table's name.
        file: The file that is written, if it is one.

    Raises:
        CommitError: That error.
    """
    try:
        yield
    except (TableError, UsageError, ReadOnlyError, UntrustedHostError):
        raise
    except parquet.read_errors() as error:
        why = reason((isinstance(error, WriteError) and error.__cause__) or error)
        raise CommitError(
            f"table {name!r} can't be written ({why}) and is unchanged: check disk space, memory "
            f"and permissions, and try again",
            artifact=None if file is None else str(file),
        ) from error


def check_count(name: str, held: int, due: int, file: Path | None = None) -> None:
    """Refuse a commit whose row counts don't add up.

    Args:
        name: The table's name.
        held: How many rows it would hold.
        due: How many it should.
        file: The file that is written, if it is one.

    Raises:
        CommitError: If the two differ.
    """
    if held != due:
        raise CommitError(
            f"table {name!r} would hold {held} rows instead of {due}; it is unchanged: try again",
            artifact=None if file is None else str(file),
        )
