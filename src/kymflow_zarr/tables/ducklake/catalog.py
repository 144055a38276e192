"""A lake's catalog: written in one atomic step, read from a private copy.

A copy never changes, so whoever reads it holds nobody up, and sees one state of all tables; and
what is done to it can't harm the lake.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import statement
from kymflow_zarr.duck import engine_connection, literal, quoted, value
from kymflow_zarr.errors import TableUnreadableError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.files import atomic_path, writing
from kymflow_zarr.store.reads import reading, stamp
from kymflow_zarr.tables.ducklake.config import CATALOG_LOCK, LakeConfig, config_path, lake_folder
from kymflow_zarr.tables.ducklake.extensions import load, options

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.store.locks import Lock

LAKE = "lake"
# 0.6 MB instead of 8 to copy at every change: a catalog has many tables of few rows.
_SMALL = "META_BLOCK_SIZE 16384"
# Rows kept within the catalog would be out of the reach of a copy, and a NaN among them be lost.
_ATTACHED = "OVERRIDE_DATA_PATH true, DATA_INLINING_ROW_LIMIT 0"


def attach(con: duckdb.DuckDBPyConnection, catalog: str, data: str, *more: str) -> None:
    """Attach a lake to a connection as ``lake``.

    Args:
        con: The connection.
        catalog: Of the lake, as DuckLake names it.
        data: The folder of its files, with a slash at the end.
        more: Further options, as SQL.
    """
    listed = ", ".join([_ATTACHED, f"DATA_PATH {literal(data)}", *more])
    con.execute(f"ATTACH {literal(f'ducklake:{catalog}')} AS {LAKE} ({listed})")


def open_catalog(dataset: Path, config: LakeConfig) -> Catalog:
    """Return the catalog of a dataset's lake."""
    return FileCatalog(dataset) if config.catalog is None else PostgresCatalog(dataset, config)


class Catalog(ABC):
    """The catalog of one lake.

    Args:
        dataset: The dataset's folder.

    Attributes:
        folder: The folder of the lake.
        data: The folder of its files, as DuckLake wants it.
    """

    def __init__(self, dataset: Path) -> None:
        self._dataset = dataset
        self.folder = lake_folder(dataset)
        self.data = f"{self.folder / 'data'}/"

    def _connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        return engine_connection(self.folder, options())

    @abstractmethod
    def writing(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Return a connection that changes the lake, to be used in a ``with``."""

    @abstractmethod
    def version(self) -> Hashable:
        """Return what changes with every change of the lake."""

    @abstractmethod
    def copy_to(self, path: Path) -> None:
        """Write a copy of the catalog, as it is at one moment.

        Raises:
            TableUnreadableError: If it can't be read.
            ReadError: If the system refuses to read it.
            WriteError: If the copy can't be written.
        """

    @abstractmethod
    def remove(self) -> None:
        """Remove the catalog for good."""


class FileCatalog(Catalog):
    """A catalog in a file of the dataset, replaced whole; one writer at a time."""

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / "catalog.ducklake"

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to a lake that takes the place of this one when all went well."""
        with self._lock(), atomic_path(self.path) as temporary, self._connection() as con:
            load(con, "ducklake")
            new = not config_path(self._dataset).exists()
            if not new:
                self.copy_to(temporary)
            log = temporary.with_name(f"{temporary.name}.wal")
            try:
                attach(con, str(temporary), self.data, *([_SMALL] if new else []))
                yield con
                con.execute(f"DETACH {LAKE}")
            finally:
                log.unlink(missing_ok=True)

    def _lock(self) -> Lock:
        from kymflow_zarr.store.locks import file_lock

        return file_lock(self._dataset / "index" / "locks" / CATALOG_LOCK)

    def version(self) -> Hashable:
        """Return what changes when the file is replaced."""
        return stamp(self.path)

    def copy_to(self, path: Path) -> None:
        """Copy the file."""
        try:
            with reading(self.path):
                catalog = self.path.read_bytes()
        except FileNotFoundError as error:
            raise TableUnreadableError(
                "the catalog of the tables is gone; restore it from a backup",
                artifact=str(self.path),
            ) from error
        with writing(path):
            path.write_bytes(catalog)

    def remove(self) -> None:
        """Remove the file."""
        self.path.unlink(missing_ok=True)


class PostgresCatalog(Catalog):
    """A catalog in a PostgreSQL database, in a schema of its own.

    Args:
        dataset: The dataset's folder.
        config: Says which.
    """

    def __init__(self, dataset: Path, config: LakeConfig) -> None:
        super().__init__(dataset)
        self._config = config
        self._watching: _Kept | None = None

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that changes the lake as PostgreSQL commits."""
        with self._connected() as con:
            con.execute(f"CREATE SCHEMA IF NOT EXISTS pg.{quoted(self._config.schema)}")
            con.execute("DETACH pg")
            load(con, "ducklake")
            schema = f"META_SCHEMA {literal(self._config.schema)}"
            attach(con, f"postgres:{self._config.connection}", self.data, schema)
            yield con

    def version(self) -> Hashable:
        """Return the number of the last snapshot; the connection that asks is kept."""
        import duckdb

        newest = f"SELECT max(snapshot_id) FROM {self._table('ducklake_snapshot')}"
        if self._watching is not None:
            with suppress(duckdb.Error):  # it was broken meanwhile
                return int(value(self._watching.con.cursor(), newest))
        self._watching = _Kept(self._connected("READ_ONLY"))
        return int(value(self._watching.con.cursor(), newest))

    def copy_to(self, path: Path) -> None:
        """Copy the catalog's tables, in one transaction, into a catalog file."""
        with self._connected("READ_ONLY") as con:
            load(con, "ducklake")
            attach(con, str(path), self.data, _SMALL)
            con.execute(f"DETACH {LAKE}")
            con.execute(f"ATTACH {literal(str(path))} AS copy")
            names = con.execute(statement("lake/catalog_tables")).fetchall()
            con.execute("BEGIN")
            for (name,) in names:
                con.execute(f"DELETE FROM copy.{quoted(name)}")
                con.execute(f"INSERT INTO copy.{quoted(name)} BY NAME FROM {self._table(name)}")
            con.execute("COMMIT")
            con.execute("DETACH copy")

    def remove(self) -> None:
        """Drop the schema."""
        with self._connected() as con:
            con.execute(f"DROP SCHEMA IF EXISTS pg.{quoted(self._config.schema)} CASCADE")

    def _table(self, name: str) -> str:
        return f"pg.{quoted(self._config.schema)}.{quoted(name)}"

    @contextmanager
    def _connected(self, *more: str) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        listed = ", ".join(["TYPE postgres", *more])
        with self._connection() as con:
            load(con, "postgres_scanner")
            try:
                con.execute(f"ATTACH {literal(self._config.connection)} AS pg ({listed})")
            except duckdb.Error as error:
                raise TableUnreadableError(
                    f"the catalog of the tables can't be reached ({first_line(error)}); start its "
                    f"server, or see to the network and ~/.pgpass",
                    dataset=str(self._dataset),
                ) from error
            yield con


class _Kept:
    """A connection that is open for as long as this object lives."""

    def __init__(self, opening: AbstractContextManager[duckdb.DuckDBPyConnection]) -> None:
        held = ExitStack()
        self.con = held.enter_context(opening)
        self.close = weakref.finalize(self, held.close)
