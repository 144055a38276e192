"""Types that all code of the tables shares: keys, changes, counts, and a session's sources."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    import duckdb
    import polars as pl


class Sources(Protocol):
    """The tables of one session: opened, allowed, then read by SQL."""

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection in which :meth:`sql` reads a table."""

    def open(self, *, descriptors: bool) -> list[str]:
        """Open the tables, before the session's connection is locked down.

        Args:
            descriptors: Whether the session's only query reads views by their names and can do
                nothing else. Then files may be opened by their own names or descriptors, which is
                the fastest way. What can be opened so can also be written to by ``COPY``, or read
                otherwise than by its view.

        Returns:
            The settings that let the connection read them and nothing else.

        Raises:
            QueryError: If one can't be opened.
        """

    def after_lock_down(self) -> None:
        """Finish opening, once the connection is locked down."""

    def sql(self, table: TableKey) -> str:
        """Name a table, as SQL after ``FROM`` in :attr:`con`."""

    def show(self, name: str, select: str) -> None:
        """Make a view in the session's connection.

        Args:
            name: Its name.
            select: What it shows, in :attr:`con`.
        """

    def identity(self, table: TableKey) -> Hashable:
        """Return a value that differs between any two states of a table."""

    def restore_names(self, message: str) -> str:
        """Put the tables' own names into a message."""


AsOf = int | datetime | None
"""A version, a moment, or now."""
Kind = Literal["ducklake", "parquet"]
"""The format that tables are kept in."""
SIDECARS = ("runs", "params", "seen")


class TableKey(NamedTuple):
    """A table, or one of its :data:`SIDECARS`: how its rows were made, and with which params.

    Sidecars are derived: one that can't be read counts as missing.

    Attributes:
        name: The table's name.
        sidecar: Which of its sidecars; None: the table itself.
    """

    name: str
    sidecar: str | None = None


@dataclass(frozen=True, slots=True)
class Merged:
    """How many rows a change kept of the old table, added and removed."""

    kept: int
    added: int
    removed: int


@dataclass(frozen=True, slots=True)
class Change:
    """All rows of some keys are replaced in one table, which is made if needed.

    Attributes:
        table: The table.
        key: The column that tells which rows belong together.
        replaced: Frame whose column ``key`` lists the keys whose old rows are removed.
        rows: The new rows: a frame, or Parquet files whose columns are united by name.
        empty: Zero-row frame of the columns that the table always has.
        for_table: Of a sidecar: whether all of it is for the table as it is after these changes,
            see :meth:`Reader.is_for_table`.
    """

    table: TableKey
    key: str
    replaced: pl.DataFrame
    rows: Sequence[Path] | pl.DataFrame
    empty: pl.DataFrame
    for_table: bool = True


@dataclass(frozen=True, slots=True)
class Stat:
    """The size of a table's files, bytes, and when it last changed (UTC)."""

    size: int
    changed: datetime


@dataclass(frozen=True, slots=True)
class Compacted:
    """The result of a compaction.

    Attributes:
        files_before: Files that held the tables before.
        files_after: Files that hold them now.
        versions: How many versions were forgotten.
        removed: How many files were removed from disk.
    """

    files_before: int
    files_after: int
    versions: int
    removed: int


class Reader(Protocol):
    """A DuckDB connection over tables as they were at one moment."""

    @property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection."""

    def relation(self, table: TableKey) -> duckdb.DuckDBPyRelation | None:
        """Return the rows of a table, None if there is no such table.

        Raises:
            duckdb.Error: If it can't be read.
        """

    def names_table(self, sidecar: TableKey) -> bool:
        """Tell whether a sidecar says for which table it was written; older ones do not."""

    def is_for_table(self, sidecar: TableKey) -> bool:
        """Tell whether a sidecar was written for its table as it is now.

        If not, the table was changed since by other means: another program, a restored backup, a
        process killed between the two.
        """
