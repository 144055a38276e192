"""Tables as one plain Parquet file each, replaced whole and atomically."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kymflow_zarr.duck import engine_connection
from kymflow_zarr.errors import TableSchemaError, TableUnreadableError
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import atomic_path, is_old, sweep_temporaries
from kymflow_zarr.store.names import check_table_name, drop_invalid
from kymflow_zarr.store.reads import read_unchanged, reading, stamp
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.ducklake.config import lake_folder
from kymflow_zarr.tables.parquet.rewrite import replace_rows
from kymflow_zarr.tables.types import AsOf, Change, Merged, Reader, Stat, TableKey

if TYPE_CHECKING:
    import duckdb
    import polars as pl

    from kymflow_zarr.tables.open_files import OpenFiles
    from kymflow_zarr.tables.parquet.sources import ParquetSources

T = TypeVar("T")


class PlainTables(Backend):
    """A dataset's tables in ``tables/<name>.parquet``, those beside them in ``index/``.

    Args:
        dataset: The dataset's folder.
    """

    def __init__(self, dataset: Path) -> None:
        self._dataset = dataset

    def location(self, table: TableKey) -> Path:
        """Return the file of a table, whether or not it exists.

        Raises:
            InvalidNameError: If the name is not one a table may have.
        """
        name = check_table_name(table.name)
        if table.sidecar is None:
            return self._dataset / "tables" / f"{name}.parquet"
        return self._dataset / "index" / f"{name}.{table.sidecar}.parquet"

    def names(self, sidecar: str | None = None) -> list[str]:
        """Return the names of the tables, sorted; a file of a strange name is none."""
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
            return path.is_file()
        raise AssertionError("unreachable")

    def version(self, table: TableKey) -> Hashable:
        """Return what changes when the file is replaced."""
        return stamp(self.location(table))

    def stat(self, name: str) -> Stat:
        """Return the file's size and when it was replaced."""
        status = self.location(TableKey(name)).stat()
        return Stat(status.st_size, datetime.fromtimestamp(int(status.st_mtime), UTC))

    def read_error(self, table: TableKey) -> str | None:
        """Read the file to its end; return why it can't be."""
        return parquet.read_error(self.location(table))

    def scan(self, table: TableKey) -> pl.LazyFrame:
        """Return the file as a lazy frame that holds it open."""
        frame = parquet.scan(self.location(table))
        frame.collect_schema()
        return frame

    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Ask again when a file was replaced meanwhile."""
        return read_unchanged([self.location(table) for table in tables], partial(self._ask, ask))

    def commit(self, changes: Sequence[Change], note: str) -> list[Merged]:
        """Replace one file after the other."""
        with self._connection() as con:
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

    def abandoned(self, for_seconds: float) -> list[Path]:
        """Return the folder of a lake, if one is left though the tables are here."""
        lake = lake_folder(self._dataset)
        return [lake] if is_old(lake, for_seconds) else []

    def sources(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        tables: Sequence[TableKey],
        at: AsOf = None,
    ) -> ParquetSources:
        """Hold the files open while a session reads them."""
        if at is not None:
            raise self.keeps_no_history()
        from kymflow_zarr.tables.parquet.sources import ParquetSources

        return ParquetSources(
            con, open_files, {table: self.location(table) for table in tables}, self._dataset
        )

    def _ask(self, ask: Callable[[Reader], T]) -> T:
        with self._connection() as con:
            return ask(_PlainReader(con, self))

    def _connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return engine_connection(self._dataset / "index")

    def _apply(self, con: duckdb.DuckDBPyConnection, change: Change) -> Merged:
        path = self.location(change.table)
        try:
            return replace_rows(con, change, path)
        except (TableUnreadableError, TableSchemaError):
            if change.table.sidecar is None:
                raise
            path.unlink()
            return replace_rows(con, change, path)


@dataclass(frozen=True, slots=True)
class _PlainReader:
    """Reads the files of tables."""

    con: duckdb.DuckDBPyConnection
    tables: PlainTables

    def relation(self, table: TableKey) -> duckdb.DuckDBPyRelation | None:
        """Return the rows of a file."""
        path = self.tables.location(table)
        if not path.exists():
            return None
        return self.con.read_parquet(parquet.duckdb_path(path), hive_partitioning=False)
