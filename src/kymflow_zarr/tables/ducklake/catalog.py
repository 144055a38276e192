"""A lake's catalog: written in one atomic step, read from a private copy.

A copy never changes, so whoever reads it holds nobody up, and sees one state of all tables; and
what is done to it can't harm the lake. Whatever it names is looked at before DuckLake opens it, see
:mod:`~kymflow_zarr.tables.ducklake.inspection`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import engine_connection, literal
from kymflow_zarr.errors import TableUnreadableError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store import layout, parquet
from kymflow_zarr.store.containment import delete_within, resolve_within
from kymflow_zarr.store.files import atomic_path, check_plain_tree, open_plain, writing
from kymflow_zarr.store.reads import reading, stamp
from kymflow_zarr.tables.ducklake.extensions import load, options
from kymflow_zarr.tables.ducklake.inspection import inspect_copy

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.store.locks import Lock

LAKE = "lake"
# 0.6 MB instead of 8 to copy at every change: a catalog has many tables of few rows.
SMALL = "META_BLOCK_SIZE 16384"
# Rows inlined in the catalog could not be read from a copy, and NaN among them would be lost.
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


class Catalog(ABC):
    """The catalog of one lake.

    Args:
        dataset: The dataset's folder.

    Attributes:
        folder: The folder of the lake.
        data: The folder of its files, with a slash at the end as DuckLake wants it.
    """

    def __init__(self, dataset: Path) -> None:
        self._dataset = dataset
        self.folder = layout.lake(dataset)
        self.data = f"{layout.lake_data(dataset)}/"

    @property
    @abstractmethod
    def metadata(self) -> str:
        """The schema of the catalog's own tables where the lake is attached, in SQL."""

    def check_data(self) -> None:
        """Refuse data that DuckDB would wait for, as for a pipe.

        Raises:
            TableUnreadableError: If there is such.
            ReadError: If the system refuses to list them.
        """
        try:
            check_plain_tree(Path(self.data))
        except FileNotFoundError:
            pass
        except OSError as error:
            raise parquet.unreadable(Path(error.filename or self.data), error) from error

    @abstractmethod
    def writing(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Return a connection that changes the lake, to be used in a ``with``.

        Raises:
            OutsideError: If the catalog names a file or folder that is not the lake's.
            CopiedDatasetError: If the catalog is that of another dataset, of which this is a copy.
        """

    @abstractmethod
    def version(self) -> Hashable:
        """Return a value that differs after every change of the lake."""

    @abstractmethod
    def copy_to(self, path: Path) -> None:
        """Write a copy of the catalog, as it is at one moment.

        Raises:
            TableUnreadableError: If it can't be read.
            OutsideError: If it lies outside of the dataset.
            ReadError: If the system refuses to read it.
            WriteError: If the copy can't be written.
        """

    @abstractmethod
    def remove(self) -> None:
        """Remove the catalog for good, once :meth:`check_own` found it to be this dataset's.

        Raises:
            CopiedDatasetError: If it is not.
        """

    @abstractmethod
    def claim(self) -> None:
        """Have the catalog know this dataset for its own, where several could share it."""

    @abstractmethod
    def check_own(self) -> None:
        """Refuse to go on where the catalog is another dataset's.

        Raises:
            CopiedDatasetError: If it is.
        """

    @abstractmethod
    def is_own(self) -> bool:
        """Tell whether the catalog is this dataset's."""

    def check_place(self) -> None:
        """Refuse a lake whose folders are not the dataset's own.

        Raises:
            OutsideError: If one lies behind a link out of it.
        """
        resolve_within(self._dataset, self.data)
        resolve_within(self._dataset, layout.catalog_lock(self._dataset))

    def inspect_copy(self, con: duckdb.DuckDBPyConnection, copy: Path) -> None:
        """Look into a copy of the catalog, which DuckLake is to open.

        Raises:
            TableUnreadableError: If it is no catalog of a lake.
            OutsideError: If it names a file or folder that is not the lake's.
        """
        import duckdb

        try:
            con.execute(f"ATTACH {literal(str(copy))} AS looked_into (READ_ONLY)")
            try:
                inspect_copy(con, "looked_into", Path(self.data), self.folder)
            finally:
                con.execute("DETACH looked_into")
        except duckdb.Error as error:
            raise unreadable(self, error) from error

    def connection(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
        """Return a connection to work with, to which no lake is attached, to be used in a ``with``.

        Raises:
            OutsideError: If a folder of the lake lies behind a link out of the dataset.
        """
        self.check_place()
        return engine_connection(self.folder, options())


def unreadable(catalog: Catalog, error: Exception) -> TableUnreadableError:
    """Return the error that says why a catalog can't be read."""
    return TableUnreadableError(
        f"the catalog of the tables can't be read ({first_line(error)}); restore it from a backup",
        artifact=str(catalog.folder),
    )


class FileCatalog(Catalog):
    """A catalog in a file of the dataset, replaced whole; one writer at a time."""

    def __init__(self, dataset: Path) -> None:
        super().__init__(dataset)
        self._inspected: Hashable = None

    @property
    def path(self) -> Path:
        """The file."""
        return layout.lake_catalog(self._dataset)

    @property
    def metadata(self) -> str:
        """The schema of the catalog's own tables."""
        return f"__ducklake_metadata_{LAKE}.main"

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection to a lake that takes the place of this one when all went well."""
        self.check_place()
        self.check_data()
        with self._lock(), atomic_path(self.path) as temporary, self.connection() as con:
            load(con, "ducklake")
            new = not layout.lake_config(self._dataset).exists()
            if not new:
                self._copy_inspected(con, temporary)
            log = temporary.with_name(f"{temporary.name}.wal")
            try:
                attach(con, str(temporary), self.data, *([SMALL] if new else []))
                yield con
                con.execute(f"DETACH {LAKE}")
            finally:
                log.unlink(missing_ok=True)
        self._inspected = self.version()

    def _copy_inspected(self, con: duckdb.DuckDBPyConnection, path: Path) -> None:
        """Copy the file; what this process itself made of one that was inspected is not again."""
        before = self.version()
        self.copy_to(path)
        if before is None or before != self._inspected:
            self.inspect_copy(con, path)

    def _lock(self) -> Lock:
        from kymflow_zarr.store.locks import file_lock

        return file_lock(layout.catalog_lock(self._dataset))

    def version(self) -> Hashable:
        """Return the file's stamp, which differs after every replacement."""
        return stamp(self.path)

    def copy_to(self, path: Path) -> None:
        """Copy the file."""
        own = resolve_within(self._dataset, self.path)
        try:
            with reading(self.path), open_plain(own) as file:
                catalog = file.read()
        except FileNotFoundError as error:
            raise TableUnreadableError(
                "the catalog of the tables is missing; restore it from a backup",
                artifact=str(self.path),
            ) from error
        with writing(path):
            path.write_bytes(catalog)

    def remove(self) -> None:
        """Remove the file."""
        delete_within(self._dataset, self.path)

    def claim(self) -> None:
        """Do nothing: a copy of the dataset has a copy of the file."""

    def check_own(self) -> None:
        """Do nothing: the file is the dataset's."""

    def is_own(self) -> bool:
        """Tell that it is: the file is the dataset's."""
        return True
