"""What a table backend must do: where tables lie is its matter alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kymflow_zarr.errors import UsageError
from kymflow_zarr.tables.types import AsOf, Change, Compacted, Merged, Reader, Stat, TableKey

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from kymflow_zarr.tables.open_files import OpenFiles
    from kymflow_zarr.tables.types import Sources

T = TypeVar("T")


class Backend(ABC):
    """The tables of one dataset; who writes holds the lock of the table's writers."""

    def options(self) -> Mapping[str, bool]:
        """Return the options that a session's connection must be made with."""
        return {}

    @abstractmethod
    def names(self, sidecar: str | None = None) -> list[str]:
        """Return the names of the tables, or of those that have such a one beside them."""

    @abstractmethod
    def exists(self, table: TableKey) -> bool:
        """Tell whether there is such a table."""

    @abstractmethod
    def location(self, table: TableKey) -> Path:
        """Return the file or folder that holds a table, for messages."""

    @abstractmethod
    def version(self, table: TableKey) -> Hashable:
        """Return what changes whenever the table does; None where there is none."""

    @abstractmethod
    def stat(self, name: str) -> Stat:
        """Return a table's size and when it last changed."""

    @abstractmethod
    def read_error(self, table: TableKey) -> str | None:
        """Read a table to its end; return why it can't be, None if it can or is not there."""

    @abstractmethod
    def scan(self, table: TableKey) -> pl.LazyFrame:
        """Return a table as it is now, whatever replaces it meanwhile.

        Raises:
            FileNotFoundError: If there is no such table.
        """

    @abstractmethod
    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Return the answer to a question about some tables as they are at one moment."""

    @abstractmethod
    def commit(self, changes: Sequence[Change], note: str) -> list[Merged]:
        """Apply changes to a table and those beside it, checking row counts before they show.

        Args:
            changes: In the order in which they may show, where not all at once.
            note: What is done, for a backend that keeps a history.

        Raises:
            TableSchemaError: If a column's types can't be reconciled.
            TableUnreadableError: If an old table can't be read.
            CommitError: If something can't be written, or row counts don't add up.
        """

    @abstractmethod
    def save(self, table: TableKey, rows: pl.DataFrame) -> None:
        """Write a whole table."""

    @abstractmethod
    def drop(self, table: TableKey) -> None:
        """Remove a table; what is beside it stays."""

    def abandoned(self, for_seconds: float) -> list[Path]:
        """Return files that hold nothing of any table, and were last written that long ago.

        Conversions and writers that are killed leave such.
        """
        return []

    def history(self, name: str) -> pl.DataFrame:
        """Return what was done to a table.

        Raises:
            UsageError: If no history is kept.
        """
        raise self.keeps_no_history()

    def compact(self, keep: timedelta) -> Compacted:
        """Merge small files, drop deleted rows, and forget versions older than may be kept.

        Raises:
            UsageError: If there is nothing of the kind.
            CommitError: If it can't be done; the tables stand as they were.
        """
        raise self.keeps_no_history()

    def keeps_no_history(self) -> UsageError:
        """Return the error for whoever asks for what a table was."""
        return UsageError(
            "plain tables keep no history: what a table was is gone when it is replaced; have one "
            "kept from now on with `kymflow tables convert --to ducklake`"
        )

    @abstractmethod
    def sources(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        tables: Sequence[TableKey],
        at: AsOf = None,
    ) -> Sources:
        """Return a way for a locked-down connection to read some tables.

        Args:
            con: The connection, not locked down yet.
            open_files: What it holds open, and its private folder.
            tables: The only tables that it shall reach.
            at: As they were at this version or moment; None stands for now.

        Raises:
            UsageError: If what they were is not kept.
        """
