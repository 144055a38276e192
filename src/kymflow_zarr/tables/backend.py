"""The interface of back ends, which alone know where and how tables are stored."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from kymflow_zarr.errors import NoHistoryError
from kymflow_zarr.tables.types import (
    AsOf,
    Change,
    Compacted,
    Kind,
    Merged,
    Reader,
    Stat,
    TableKey,
)

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from kymflow_zarr.tables.open_files import OpenFiles
    from kymflow_zarr.tables.types import Sources

T = TypeVar("T")


class Backend(ABC):
    """The tables of one dataset; every writer holds the table's lock.

    Attributes:
        kind: The format that the tables are kept in.
    """

    kind: ClassVar[Kind]

    def options(self) -> Mapping[str, bool]:
        """Return the options with which to make a session's connection."""
        return {}

    @abstractmethod
    def names(self, sidecar: str | None = None) -> list[str]:
        """Return the names of the tables, or of those that have such a sidecar."""

    @abstractmethod
    def exists(self, table: TableKey) -> bool:
        """Tell whether there is such a table."""

    @abstractmethod
    def location(self, table: TableKey) -> Path:
        """Return the file or folder that holds a table, for messages."""

    @abstractmethod
    def version(self, table: TableKey) -> Hashable:
        """Return a value that differs after every change of a table; None if there is none."""

    @abstractmethod
    def stat(self, name: str) -> Stat:
        """Return a table's size and when it last changed."""

    @abstractmethod
    def read_error(self, table: TableKey) -> str | None:
        """Read a table to its end; return why that failed, None if it did not or there is none."""

    @abstractmethod
    def scan(self, table: TableKey) -> pl.LazyFrame:
        """Return a table as it is now, even if it is replaced later.

        Raises:
            FileNotFoundError: If there is no such table.
        """

    @abstractmethod
    def count(self, table: TableKey) -> int:
        """Count a table's rows as they are now; raises as :meth:`scan`."""

    @abstractmethod
    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Answer a question about some tables as they are at one moment."""

    @abstractmethod
    def commit(self, changes: Sequence[Change], note: str) -> list[Merged]:
        """Apply changes to a table and its sidecars; row counts are checked beforehand.

        Args:
            changes: In the order in which readers may see them, if not all at once.
            note: What is done, for a history.

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
        """Remove a table; its sidecars stay."""

    def abandoned(self, for_seconds: float) -> list[Path]:
        """List files that belong to no table and were last written at least so many seconds ago.

        Killed conversions and writers leave them.
        """
        return []

    def history(self, name: str) -> pl.DataFrame:
        """List the changes of a table.

        Raises:
            NoHistoryError: If no history is kept.
        """
        raise NoHistoryError("these tables keep no history: earlier versions are gone")

    def compact(self, keep: timedelta) -> Compacted:
        """Merge small files, drop deleted rows, and forget versions older than ``keep``.

        Raises:
            NoHistoryError: If the tables keep no versions.
            CommitError: If it fails; the tables are unchanged.
        """
        raise NoHistoryError("these tables keep no history: earlier versions are gone")

    @abstractmethod
    def sources(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        tables: Sequence[TableKey],
        at: AsOf = None,
    ) -> Sources:
        """Return the sources by which a locked-down connection reads some tables.

        Args:
            con: The connection, not locked down yet.
            open_files: Its open files, and its private folder.
            tables: The only tables that it may read.
            at: As they were at this version or moment; None: now.

        Raises:
            NoHistoryError: If ``at`` is given and no history is kept.
        """
