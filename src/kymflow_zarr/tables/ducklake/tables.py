"""A dataset's tables in a DuckLake: a change costs what it changes, and is kept in a history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kymflow_sql import render, statement
from kymflow_zarr.duck import literal, value
from kymflow_zarr.errors import CommitError, TableSchemaError
from kymflow_zarr.reasons import first_line, refused
from kymflow_zarr.store.files import atomic_path, is_old
from kymflow_zarr.store.names import check_table_name
from kymflow_zarr.store.parquet import count_rows, duckdb_path
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.commit import check_count, committing
from kymflow_zarr.tables.ducklake import extensions
from kymflow_zarr.tables.ducklake.catalog import LAKE, open_catalog
from kymflow_zarr.tables.ducklake.config import LakeConfig
from kymflow_zarr.tables.ducklake.snapshot import Snapshot, schema_of, target
from kymflow_zarr.tables.ducklake.transaction import apply, count, create, transact
from kymflow_zarr.tables.parquet.tables import PlainTables
from kymflow_zarr.tables.types import (
    SIDECARS,
    AsOf,
    Change,
    Compacted,
    Merged,
    Reader,
    Stat,
    TableKey,
)

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from kymflow_zarr.tables.ducklake.sources import LakeSources
    from kymflow_zarr.tables.open_files import OpenFiles

T = TypeVar("T")
_GRACE = timedelta(hours=1)


class LakeTables(Backend):
    """A dataset's tables in a lake: a schema for the tables, one for each kind beside them.

    Args:
        dataset: The dataset's folder.
        config: Says where the lake has its catalog.

    Attributes:
        catalog: The catalog.
    """

    def __init__(self, dataset: Path, config: LakeConfig) -> None:
        self._dataset = dataset
        self.catalog = open_catalog(dataset, config)
        self._frozen: tuple[Hashable, Snapshot] | None = None
        self._one_at_a_time = threading.Lock()

    def options(self) -> Mapping[str, bool]:
        """Return what loading extensions needs."""
        return extensions.options()

    @property
    def now(self) -> Snapshot:
        """The lake as it is now."""
        with self._one_at_a_time:
            state = self.catalog.version()
            if self._frozen is None or self._frozen[0] != state:
                self._frozen = state, Snapshot(self.catalog)
            return self._frozen[1]

    def location(self, table: TableKey) -> Path:
        """Return the folder of a table's files, whether or not it exists.

        Raises:
            InvalidNameError: If the name is not one a table may have.
        """
        return Path(self.catalog.data, schema_of(table), check_table_name(table.name))

    def names(self, sidecar: str | None = None) -> list[str]:
        """Return the names of the tables, sorted."""
        return sorted(table.name for table in self.now.tables if table.sidecar == sidecar)

    def exists(self, table: TableKey) -> bool:
        """Tell whether there is such a table."""
        return table in self.now.tables

    def version(self, table: TableKey) -> Hashable:
        """Return what changes with every change of the lake; None where there is no such table."""
        return self.catalog.version() if self.exists(table) else None

    def stat(self, name: str) -> Stat:
        """Return the size of the files that hold a table now, and when it last changed."""
        con = self.now.cursor()
        size, changed = con.execute(statement("lake/table_stat"), {"name": name}).fetchall()[0]
        return Stat(int(size or 0), datetime.fromisoformat(changed))

    def read_error(self, table: TableKey) -> str | None:
        """Read a table to its end; return why it can't be."""
        import duckdb

        try:
            rows = self.now.relation(table)
            if rows is not None:
                for _ in rows.to_arrow_reader():
                    pass
        except duckdb.Error as error:
            return f"it can't be read: {first_line(error)}"
        return None

    def scan(self, table: TableKey) -> pl.LazyFrame:
        """Return a table as a lazy frame, which DuckDB answers."""
        now = self.now
        if table not in now.tables:
            raise FileNotFoundError(table.name)
        return now.cursor().table(target(table)).pl(lazy=True)

    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Ask the lake as it is now."""
        return self.now.ask(ask)

    def commit(self, changes: Sequence[Change], note: str) -> list[Merged]:
        """Apply all changes in one transaction; what is damaged beside a table is made again."""
        damaged: list[TableKey] = []

        def work(con: duckdb.DuckDBPyConnection) -> list[Merged]:
            for table in damaged:
                con.execute(f"DROP TABLE {target(table)}")
            return [self._apply(con, change) for change in changes]

        try:
            return transact(self.catalog, changes[0].table, note, work)
        except CommitError:
            beside = (change.table for change in changes if change.table.sidecar)
            damaged += filter(self._is_damaged, beside)
            if not damaged:
                raise
        return transact(self.catalog, changes[0].table, note, work)

    def save(self, table: TableKey, rows: pl.DataFrame) -> None:
        """Write a whole table; what it was stays in the history."""

        def work(con: duckdb.DuckDBPyConnection) -> list[Merged]:
            con.register("whole", rows)
            removed = count(con, table)
            create(con, table, "FROM whole")
            return [Merged(0, rows.height, removed)]

        transact(self.catalog, table, "save", work)

    def drop(self, table: TableKey) -> None:
        """Remove a table from the lake as it is now; it stays in the history."""

        def work(con: duckdb.DuckDBPyConnection) -> list[Merged]:
            removed = count(con, table)
            con.execute(f"DROP TABLE IF EXISTS {target(table)}")
            return [Merged(0, 0, removed)]

        transact(self.catalog, table, "delete", work)

    def sources(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        tables: Sequence[TableKey],
        at: AsOf = None,
    ) -> LakeSources:
        """Give a session a copy of the catalog of its own, with these tables alone."""
        from kymflow_zarr.tables.ducklake.sources import LakeSources

        return LakeSources(con, open_files, self.catalog, tables, at)

    def history(self, name: str) -> pl.DataFrame:
        """Return what was done to a table, see :meth:`~kymflow_zarr.tables.table_store.TableStore.history`."""
        con = self.now.cursor()
        con.execute("SET VARIABLE table_name = $1", [check_table_name(name)])
        return con.sql(statement("lake/history")).pl()

    def take_over(self, files: Mapping[TableKey, Path]) -> None:
        """Fill an empty lake with the rows of Parquet files, all or none.

        Raises:
            CommitError: If it can't be done.
        """

        def work(con: duckdb.DuckDBPyConnection) -> list[Merged]:
            con.execute(f"CALL {LAKE}.set_option('parquet_compression', 'zstd')")
            for table, file in files.items():
                rows = f"read_parquet({literal(duckdb_path(file))}, hive_partitioning = false)"
                create(con, table, f"FROM {rows}")
                check_count(table.name, count(con, table), count_rows(con, [file]))
            return []

        transact(self.catalog, None, "converted from plain files", work)

    def copy_to(self, table: TableKey, file: Path) -> None:
        """Write a table as one Parquet file.

        Raises:
            CommitError: If it can't be written.
        """
        now = self.now
        with committing(table.name), atomic_path(file) as temporary:
            to = literal(str(temporary))
            con = now.cursor()
            written = value(con, render("lake/copy_table", table=target(table), output=to))
            check_count(table.name, int(written), count(con, table))

    def compact(self, keep: timedelta) -> Compacted:
        """Merge small files, drop deleted rows, and forget old versions.

        Files that only forgotten versions need go an hour later, at the next compaction: until
        then a query that began before may read them.

        Args:
            keep: How long versions can be looked back at.

        Raises:
            CommitError: If it can't be done; the tables stand as they were.
        """
        now = datetime.now(UTC)
        before = self._files()
        with committing("all"), self.catalog.writing() as con:
            old = {"older_than": now - keep}
            expired = value(con, statement("lake/expire_snapshots"), old)
            con.execute(statement("lake/rewrite_deleted")).fetchall()
            con.execute(statement("lake/merge_small")).fetchall()
        after = self._files()
        with committing("all"), self.catalog.writing() as con:
            ripe = {"older_than": now - _GRACE}
            removed = value(con, statement("lake/remove_unused"), ripe)
            removed += value(con, statement("lake/remove_orphaned"), ripe)
        return Compacted(before, after, expired, removed)

    def abandoned(self, for_seconds: float) -> list[Path]:
        """Return files that no version knows, and plain files though the tables are here."""
        on_disk = [path for path in Path(self.catalog.data).rglob("*") if path.is_file()]
        found = self.now.cursor().execute(statement("lake/known_files")).fetchall()
        known = {name for (name,) in found}
        plain = PlainTables(self._dataset)
        keys = (
            TableKey(name, sidecar)
            for sidecar in (None, *SIDECARS)
            for name in plain.names(sidecar)
        )
        left = [*(path for path in on_disk if path.name not in known), *map(plain.location, keys)]
        return [path for path in left if is_old(path, for_seconds)]

    def _is_damaged(self, table: TableKey) -> bool:
        """Tell whether a table can't be read, though nothing refuses to read it."""
        damage = self.read_error(table)
        return damage is not None and not refused(damage)

    def _apply(self, con: duckdb.DuckDBPyConnection, change: Change) -> Merged:
        place = self.location(change.table)
        try:
            return apply(con, change, place)
        except TableSchemaError:
            if change.table.sidecar is None:
                raise
            con.execute(f"DROP TABLE {target(change.table)}")
            return apply(con, change, place)

    def _files(self) -> int:
        return int(value(self.now.cursor(), statement("lake/count_files")))
