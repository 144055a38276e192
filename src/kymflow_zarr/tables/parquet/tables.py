"""The plain back end: one Parquet file per table, replaced whole and atomically."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

from kymflow_zarr.duck import engine_connection
from kymflow_zarr.errors import NoHistoryError, TableSchemaError, TableUnreadableError
from kymflow_zarr.store import layout, parquet
from kymflow_zarr.store.containment import is_within
from kymflow_zarr.store.files import NO_FILE, atomic_path, sweep_temporaries
from kymflow_zarr.store.names import check_table_name, drop_invalid
from kymflow_zarr.store.reads import read_unchanged, reading, stamp
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.parquet.identity import NONE, TABLE, is_identical, table_identity
from kymflow_zarr.tables.parquet.rewrite import replace_rows
from kymflow_zarr.tables.types import AsOf, Change, Kind, Merged, Reader, Stat, TableKey

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from kymflow_zarr.tables.open_files import OpenFiles
    from kymflow_zarr.tables.parquet.sources import ParquetSources

T = TypeVar("T")


class PlainTables(Backend):
    """A dataset's tables in ``tables/<name>.parquet``, their sidecars in ``index/``.

    Args:
        dataset: The dataset's folder.
    """

    kind: ClassVar[Kind] = "parquet"

    def __init__(self, dataset: Path) -> None:
        self._dataset = dataset

    def location(self, table: TableKey) -> Path:
        """Return the file of a table, whether or not it exists.

        Raises:
            InvalidNameError: If the name is not one a table may have.
        """
        name = check_table_name(table.name)
        if table.sidecar is None:
            return layout.table(self._dataset, name)
        return layout.sidecar(self._dataset, name, table.sidecar)

    def names(self, sidecar: str | None = None) -> list[str]:
        """List the names of the tables, sorted; a file whose name is not valid is skipped."""
        folder = self.location(TableKey("any", sidecar)).parent
        ending = ".parquet" if sidecar is None else f".{sidecar}.parquet"
        if not folder.is_dir():
            return []
        with reading(folder):
            names = sorted(
                entry.name.removesuffix(ending)
                for entry in folder.iterdir()
                if entry.name.endswith(ending) and entry.name[0] != "." and entry.is_file()
            )
        return drop_invalid(names, folder)

    def exists(self, table: TableKey) -> bool:
        """Tell whether a table has a file."""
        path = self.location(table)
        with reading(path):
            found = path.is_file()
        return found

    def version(self, table: TableKey) -> Hashable:
        """Return the file's stamp, which differs after every replacement."""
        return stamp(self.location(table))

    def stat(self, name: str) -> Stat:
        """Return the file's size and when it was replaced."""
        status = self.location(TableKey(name)).stat()
        return Stat(status.st_size, datetime.fromtimestamp(int(status.st_mtime), UTC))

    def read_error(self, table: TableKey) -> str | None:
        """Read the file to its end; return why that failed."""
        return parquet.read_error(self.location(table))

    def scan(self, table: TableKey) -> pl.LazyFrame:
        """Return the file as a lazy frame that holds it open."""
        frame = parquet.scan(self.location(table))
        frame.collect_schema()
        return frame

    def count(self, table: TableKey) -> int:
        """Count the rows by the file's footer."""
        import polars as pl

        return int(self.scan(table).select(pl.len()).collect().item())

    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Answer a question; ask it again if a file was replaced meanwhile."""
        return read_unchanged([self.location(table) for table in tables], partial(self._ask, ask))

    def commit(self, changes: Sequence[Change], note: str) -> list[Merged]:
        """Replace one file after the other."""
        with self.connection() as con:
            return [self._apply(con, change) for change in changes]

    def save(self, table: TableKey, rows: pl.DataFrame) -> None:
        """Write a whole file."""
        path = self.location(table)
        sweep_temporaries(path)
        with atomic_path(path) as temporary:
            parquet.write(rows, temporary)

    def drop(self, table: TableKey) -> None:
        """Remove the file."""
        self.location(table).unlink(missing_ok=True)

    def sources(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        tables: Sequence[TableKey],
        at: AsOf = None,
    ) -> ParquetSources:
        """Hold the files open while a session reads them."""
        if at is not None:
            raise NoHistoryError("these tables keep no history: earlier versions are gone")
        from kymflow_zarr.tables.parquet.sources import ParquetSources

        return ParquetSources(
            con, open_files, {table: self.location(table) for table in tables}, self._dataset
        )

    def _ask(self, ask: Callable[[Reader], T]) -> T:
        with ExitStack() as closing:
            return ask(_PlainReader(closing, self))

    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Open a DuckDB that spills into the dataset."""
        index = layout.index(self._dataset)
        return engine_connection(index if is_within(self._dataset, index) else None)

    def _apply(self, con: duckdb.DuckDBPyConnection, change: Change) -> Merged:
        path = self.location(change.table)
        if change.table.sidecar is None:
            return replace_rows(con, change, path)
        # Written after the table, a sidecar says which table it was written for.
        table = self.location(TableKey(change.table.name))
        metadata = {TABLE: table_identity(table) if change.for_table else NONE}
        try:
            return replace_rows(con, change, path, metadata)
        except (TableUnreadableError, TableSchemaError):
            path.unlink()
            return replace_rows(con, change, path, metadata)


class _PlainReader:
    """Reads the files of tables."""

    def __init__(self, closing: ExitStack, tables: PlainTables) -> None:
        self._closing = closing
        self._tables = tables

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        """The connection, opened for the first that needs it: that takes 10 ms."""
        return self._closing.enter_context(self._tables.connection())

    def relation(self, table: TableKey) -> duckdb.DuckDBPyRelation | None:
        """Return the rows of a file."""
        import duckdb

        path = self._tables.location(table)
        if not path.exists():
            return None
        if not path.is_file():
            raise duckdb.IOException(NO_FILE)  # DuckDB would wait for a pipe
        return self.con.read_parquet(parquet.duckdb_path(path), hive_partitioning=False)

    def names_table(self, sidecar: TableKey) -> bool:
        """Look for it in the sidecar's footer."""
        return TABLE in parquet.metadata(self._tables.location(sidecar))

    def is_for_table(self, sidecar: TableKey) -> bool:
        """Compare the table's file with what the sidecar's footer says of it."""
        told = parquet.metadata(self._tables.location(sidecar)).get(TABLE)
        table = self._tables.location(TableKey(sidecar.name))
        return told is not None and is_identical(table, told)
