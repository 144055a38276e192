"""The DuckLake back end: a commit costs what it changes, and stays in the history."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from kymflow_sql import render, statement
from kymflow_zarr.duck import literal, value
from kymflow_zarr.errors import CommitError, TableSchemaError
from kymflow_zarr.reasons import first_line, refused
from kymflow_zarr.store.containment import delete_within
from kymflow_zarr.store.files import atomic_path, is_old
from kymflow_zarr.store.names import check_table_name
from kymflow_zarr.store.parquet import count_rows, duckdb_path, unreadable
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.commit import check_count, committing
from kymflow_zarr.tables.ducklake import extensions
from kymflow_zarr.tables.ducklake.catalog import LAKE, Catalog, FileCatalog
from kymflow_zarr.tables.ducklake.config import LakeConfig
from kymflow_zarr.tables.ducklake.snapshot import Snapshot, schema_of, target
from kymflow_zarr.tables.ducklake.transaction import (
    apply,
    count,
    create,
    files_in,
    mark_sidecar,
    transact,
)
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

    from kymflow_zarr.tables.ducklake.sources import LakeSources
    from kymflow_zarr.tables.open_files import OpenFiles

T = TypeVar("T")
_GRACE = timedelta(hours=1)
_EXPIRE = "SELECT count(*) FROM ducklake_expire_snapshots('lake', older_than => $older_than)"
# Files of which a tenth or more of the rows are deleted.
_REWRITE = "CALL ducklake_rewrite_data_files('lake', delete_threshold => 0.1)"
_MERGE = "CALL ducklake_merge_adjacent_files('lake')"
_WAITING = "SELECT data_file_id, path FROM {waiting} WHERE schedule_start <= $1"
_COUNT_FILES = (
    "SELECT coalesce(sum(file_count + delete_file_count), 0) FROM ducklake_table_info('lake')"
)


class LakeTables(Backend):
    """A dataset's tables in a lake: a schema for the tables, one per kind of sidecar.

    Args:
        dataset: The dataset's folder.
        config: Where the lake has its catalog.

    Attributes:
        catalog: The catalog.
    """

    kind: ClassVar[Kind] = "ducklake"

    def __init__(self, dataset: Path, config: LakeConfig) -> None:
        self._dataset = dataset
        self._config = config
        self.catalog = _catalog_of(dataset, config)
        self._snapshot: tuple[Hashable, Snapshot] | None = None
        self._one_at_a_time = threading.Lock()

    def __reduce__(self) -> tuple[type[LakeTables], tuple[Path, LakeConfig]]:
        return type(self), (self._dataset, self._config)

    def options(self) -> Mapping[str, bool]:
        """Return the options that loading extensions needs."""
        return extensions.options()

    @property
    def now(self) -> Snapshot:
        """The lake as it is now."""
        with self._one_at_a_time:
            state = self.catalog.version()
            if self._snapshot is None or self._snapshot[0] != state:
                self._snapshot = state, Snapshot(self.catalog)
            return self._snapshot[1]

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
        """Return a value that differs after every change of the lake; None if there is no table."""
        return self.catalog.version() if self.exists(table) else None

    def stat(self, name: str) -> Stat:
        """Return the size of the files that hold a table now, and when it last changed."""
        con = self.now.cursor()
        size, changed = con.execute(statement("ducklake/table_stat"), {"name": name}).fetchall()[0]
        return Stat(int(size or 0), datetime.fromisoformat(changed))

    def read_error(self, table: TableKey) -> str | None:
        """Read a table to its end; return why that failed."""
        import duckdb

        try:
            self._read_to_end(table)
        except duckdb.Error as error:
            return f"it can't be read: {first_line(error)}"
        return None

    def _check_readable(self, table: TableKey) -> None:
        """Say so where a change failed because what stands can't be read.

        Raises:
            TableUnreadableError: If its data are damaged.
            ReadError: If the system refuses to read them.
        """
        import duckdb

        try:
            self._read_to_end(table)
        except duckdb.Error as error:
            raise unreadable(self.location(table), error) from error

    def _read_to_end(self, table: TableKey) -> None:
        rows = self.now.relation(table)
        if rows is not None:
            for _ in rows.to_arrow_reader():
                pass

    def scan(self, table: TableKey) -> pl.LazyFrame:
        """Return a table as a lazy frame, read by DuckDB."""
        now = self.now
        if table not in now.tables:
            raise FileNotFoundError(table.name)
        rows = now.cursor().table(target(table))
        rows.limit(1).to_arrow_table()  # a lake's data are first opened when rows are asked for
        return rows.pl(lazy=True)

    def count(self, table: TableKey) -> int:
        """Count the rows by what the catalog says of the files: 0.1 s less than a scan."""
        now = self.now
        if table not in now.tables:
            raise FileNotFoundError(table.name)
        return int(value(now.cursor(), f"SELECT count(*) FROM {target(table)}"))

    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Answer a question about the lake as it is now."""
        return self.now.ask(ask)

    def commit(self, changes: Sequence[Change], note: str) -> list[Merged]:
        """Apply all changes in one transaction; a damaged sidecar is rebuilt."""
        damaged: list[TableKey] = []

        def work(con: duckdb.DuckDBPyConnection) -> list[Merged]:
            for table in damaged:
                con.execute(f"DROP TABLE {target(table)}")
            done = [self._apply(con, change) for change in changes]
            for change in changes:
                if change.table.sidecar is not None:
                    mark_sidecar(con, change.table, for_table=change.for_table)
            return done

        try:
            return transact(self.catalog, changes[0].table, note, work)
        except CommitError:
            beside = (change.table for change in changes if change.table.sidecar)
            damaged += filter(self._is_damaged, beside)
            if not damaged:
                for change in changes:
                    self._check_readable(change.table)
                raise
        return transact(self.catalog, changes[0].table, note, work)

    def save(self, table: TableKey, rows: pl.DataFrame) -> None:
        """Write a whole table; its old version stays in the history."""

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
        """Give a session its own copy of the catalog, with only these tables."""
        from kymflow_zarr.tables.ducklake.sources import LakeSources

        return LakeSources(con, open_files, self.catalog, tables, at)

    def history(self, name: str) -> pl.DataFrame:
        """List the changes of a table, see ``TableStore.history``."""
        con = self.now.cursor()
        con.execute("SET VARIABLE table_name = $1", [check_table_name(name)])
        return con.sql(statement("ducklake/history")).pl()

    def take_over(self, files: Mapping[TableKey, Path]) -> None:
        """Fill an empty lake with the rows of Parquet files, all or none.

        Raises:
            CommitError: If it fails.
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
            written = value(con, render("ducklake/copy_table", table=target(table), output=to))
            check_count(table.name, int(written), count(con, table))

    def compact(self, keep: timedelta) -> Compacted:
        """Merge small files, drop deleted rows, and forget old versions.

        Files that only forgotten versions need are removed by a compaction at least an hour later:
        until then a query that began before may read them.

        Args:
            keep: How long versions are kept.

        Raises:
            CommitError: If it fails; the tables are unchanged.
        """
        now = datetime.now(UTC)
        before = self._files()
        # The rows stay what they are: what was written for them is for them afterwards too.
        sidecars = [table for table in self.now.tables if table.sidecar is not None]
        matching = [table for table in sidecars if self.now.is_for_table(table)]
        with committing("all"), self.catalog.writing() as con:
            old = {"older_than": now - keep}
            expired = value(con, _EXPIRE, old)
            con.execute(_REWRITE).fetchall()
            con.execute(_MERGE).fetchall()
            for sidecar in matching:
                mark_sidecar(con, sidecar, for_table=True)
        after = self._files()
        removed = self._delete_unused(now - _GRACE)
        return Compacted(before, after, expired, removed)

    def abandoned(self, for_seconds: float) -> list[Path]:
        """List files that no version knows; none where the catalog is another dataset's."""
        if not self.catalog.is_own():
            return []
        found = self.now.cursor().execute(statement("ducklake/known_files")).fetchall()
        known = {name for (name,) in found}
        left = [path for path in files_in(self.catalog.data) if path.name not in known]
        return [path for path in left if is_old(path, for_seconds)]

    def _delete_unused(self, before: datetime) -> int:
        """Delete files that no version needs since a moment; return how many there were.

        The catalog only lists them: DuckLake would delete whatever file it lists.
        """
        data = Path(self.catalog.data)
        with committing("all"), self.catalog.writing() as con:
            waiting = f"{self.catalog.metadata}.ducklake_files_scheduled_for_deletion"
            con.execute("BEGIN")
            listed = con.execute(_WAITING.format(waiting=waiting), [before]).fetchall()
            removed = sum(delete_within(data, place) for _, place in listed)
            ids = [number for number, _ in listed]
            con.execute(f"DELETE FROM {waiting} WHERE list_contains($1, data_file_id)", [ids])
            con.execute("COMMIT")
        old = self.abandoned((datetime.now(UTC) - before).total_seconds())
        return removed + sum(delete_within(data, path) for path in old if path.suffix == ".parquet")

    def _is_damaged(self, table: TableKey) -> bool:
        """Tell whether a table is damaged, as opposed to unreadable for now."""
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
        return int(value(self.now.cursor(), _COUNT_FILES))


def _catalog_of(dataset: Path, config: LakeConfig) -> Catalog:
    if config.catalog is None:
        return FileCatalog(dataset)
    from kymflow_zarr.tables.ducklake.postgres import PostgresCatalog

    return PostgresCatalog(dataset, config)
