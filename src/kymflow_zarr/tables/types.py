"""How a locked-down connection reaches its tables."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import duckdb
    import polars as pl


class Sources(Protocol):
    """The tables of one session: opened, allowed for, then read by SQL."""

    def open(self, *, descriptors: bool) -> list[str]:
        """Open the tables, before the connection is locked down.

        Args:
            descriptors: Whether files may be opened by their own names or descriptors, which is
                the fastest way. What can be opened so can be written to by ``COPY``: only for
                queries that can do nothing but read.

        Returns:
            The settings that let the connection read them and nothing else.

        Raises:
            QueryError: If one can't be opened.
        """

    def after_lock_down(self) -> None:
        """Go on once the connection is locked down."""

    def sql(self, table: TableKey) -> str:
        """Return what stands for a table after ``FROM``."""

    def identity(self, table: TableKey) -> Hashable:
        """Return what tells this state of a table from any other."""

    def restore_names(self, message: str) -> str:
        """Put the tables' own names into a message."""


AsOf = int | datetime | None
SIDECARS = ("runs", "params")


class TableKey(NamedTuple):
    """A table, or one of :data:`SIDECARS` kept beside it: how its rows were made, and with what.

    What is kept beside a table is derived: where it can't be read, it counts as not there.

    Attributes:
        name: The table's name.
        sidecar: Which of those beside it; None for the table itself.
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
    """All rows of some keys are replaced in one table, which is made if need be.

    Attributes:
        table: The table.
        key: The column that tells which rows belong together.
        replaced: Frame whose column ``key`` lists the keys whose old rows go.
        parts: Parquet files with the new rows; columns are united by name.
        empty: Zero-row frame of the columns that the table always has.
    """

    table: TableKey
    key: str
    replaced: pl.DataFrame
    parts: Sequence[Path]
    empty: pl.DataFrame


@dataclass(frozen=True, slots=True)
class Stat:
    """How many bytes of files hold a table, and when it last changed (UTC)."""

    size: int
    changed: datetime


@dataclass(frozen=True, slots=True)
class Compacted:
    """What a compaction did.

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
        """Return the rows of a table, None where there is no such table.

        Raises:
            duckdb.Error: If it can't be read.
        """
