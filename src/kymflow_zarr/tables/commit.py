"""What all changes of tables share: one error for what is refused, and rows that must add up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kymflow_zarr.errors import CommitError, TableError, UsageError, WriteError
from kymflow_zarr.reasons import reason
from kymflow_zarr.store import parquet


@contextmanager
def committing(name: str, file: Path | None = None) -> Iterator[None]:
    """Turn what DuckDB, Polars or the system refuse within the block into one error.

    Args:
        name: The table's name.
        file: The file that is written, if it is one.

    Raises:
        CommitError: That error.
    """
    try:
        yield
    except (TableError, UsageError):
        raise
    except parquet.read_errors() as error:
        why = reason((isinstance(error, WriteError) and error.__cause__) or error)
        raise CommitError(
            f"table {name!r} can't be written ({why}); it stands as it was: see to disk space, "
            f"memory and permissions, and do it again",
            artifact=None if file is None else str(file),
        ) from error


def check_count(name: str, held: int, due: int, file: Path | None = None) -> None:
    """Refuse a table that would not hold the rows it should.

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
            f"table {name!r} would hold {held} rows where {due} are due; it stands as it was: do "
            f"it again",
            artifact=None if file is None else str(file),
        )
