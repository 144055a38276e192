"""The tables of a dataset, in any back end: by default one plain Parquet file per table."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kymflow_zarr.errors import (
    CommitError,
    ReadError,
    ReadOnlyError,
    TableNotFoundError,
    UntrustedHostError,
    UsageError,
    WriteError,
)
from kymflow_zarr.frames import as_polars, storable
from kymflow_zarr.store import layout, parquet
from kymflow_zarr.store.names import check_image_id, check_table_name
from kymflow_zarr.store.reads import stamp
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.ducklake.config import read_config
from kymflow_zarr.tables.moves import read_in_place
from kymflow_zarr.tables.parquet.tables import PlainTables
from kymflow_zarr.tables.types import Change, Compacted, Merged, Reader, Stat, TableKey

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr.store.locks import Lock
    from kymflow_zarr.store.store import Store
    from kymflow_zarr.tables.ducklake.adopt import Adopted
    from kymflow_zarr.tables.types import Kind

T = TypeVar("T")
ID = "image_id"


class TableStore:
    """The tables of one dataset.

    Args:
        store: The dataset whose tables this serves.
    """

    __slots__ = ("_backend", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._backend: tuple[Hashable, Backend] | None = None

    def __reduce__(self) -> tuple[type[TableStore], tuple[Store]]:
        return type(self), (self._store,)

    @property
    def backend(self) -> Backend:
        """Where the tables are kept; other processes may move them at any time.

        Raises:
            DatasetFormatError: If that can't be found out.
        """
        self._store.check_there()
        state = stamp(layout.lake_config(self._store.path))
        if self._backend is None or self._backend[0] != state:
            self._backend = state, _backend_of(self._store.path)
        return self._backend[1]

    def path(self, name: str) -> Path:
        """Return the file or folder of a table, whether or not it exists.

        Raises:
            InvalidNameError: If the name is not one a table may have.
        """
        return self.backend.location(_key(name))

    def names(self) -> list[str]:
        """Return the names of the tables, sorted.

        A file with an invalid name is skipped, with a warning in the log.
        """
        return read_in_place(self._store.path, lambda: self.backend.names())

    def exists(self, name: str | TableKey) -> bool:
        """Tell whether there is a table of this name."""
        return read_in_place(self._store.path, lambda: self.backend.exists(_key(name)))

    def version(self, name: str | TableKey) -> Hashable:
        """Return a value that differs after every change of a table; None if there is no table."""
        return self.backend.version(_key(name))

    def stat(self, name: str) -> Stat:
        """Return a table's size and when it last changed."""
        return self.backend.stat(check_table_name(name))

    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Answer a question about some tables as they are at one moment.

        Args:
            tables: The tables.
            ask: Given a DuckDB connection that reads them; it may be called more than once.

        Returns:
            Its answer; what it raises is as for :meth:`load`.
        """
        return read_in_place(self._store.path, lambda: self._read(tables, ask))

    def _read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        import duckdb

        try:
            return self.backend.read(tables, ask)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise parquet.unreadable(self.backend.location(tables[0]), error) from error

    def scan(self, name: str | TableKey) -> pl.LazyFrame:
        """Return a table as a lazy frame.

        It reads the table as it is now, even if that is replaced later.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it can't be read.
        """
        return self._read_now(name, lambda backend, key: backend.scan(key))

    def load(self, name: str | TableKey) -> pl.DataFrame:
        """Return a table as a frame.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it is damaged.
        """
        return self._read_now(name, lambda backend, key: backend.scan(key).collect())

    def count(self, name: str) -> int:
        """Count the rows of a table.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it is damaged.
        """
        return self._read_now(name, lambda backend, key: backend.count(key))

    def _read_now(self, name: str | TableKey, read: Callable[[Backend, TableKey], T]) -> T:
        def found() -> T:
            with self.reading(name):  # by another back end once the tables were moved
                answer = read(self.backend, _key(name))
            return answer

        return read_in_place(self._store.path, found)

    def save(self, name: str, frame: object) -> Path:
        """Write a whole table, in place of any of that name.

        Args:
            name: The table's name.
            frame: A Polars frame, or anything that speaks the Arrow PyCapsule stream.

        Returns:
            The table's file or folder.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            UsageError: If the frame can't be stored.
        """
        path = self.path(name)
        self._store.check_writable(f"save table {name!r}", path.parent)
        rows = storable(as_polars(frame))
        with self.lock(name):
            self.backend.save(_key(name), rows)
        return path

    def delete(self, name: str) -> None:
        """Delete a table.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            TableNotFoundError: If there is no such table.
        """
        self._store.check_writable(f"delete table {name!r}", self.path(name).parent)
        with self.lock(name):
            if not self.exists(name):
                raise TableNotFoundError(f"there is no table {name!r}", dataset=self._where)
            self.backend.drop(_key(name))

    def replace_rows_for_image_id(self, name: str, image_id: str, frame: object) -> Merged:
        """Replace all rows of one image.

        This rewrites the table. For many images use the engine's bulk update instead.

        Args:
            name: The table's name; the table is made if it does not exist.
            image_id: The image whose old rows are removed.
            frame: Its new rows; a frame without rows removes the image from the table.

        Returns:
            The counts of rows kept and added.

        Raises:
            UsageError: If the frame holds rows of another image.
            TableSchemaError: If a column's type can't be reconciled with the table's.
            WriteError: If the system refuses to write the table, as on a full disk.
            CommitError: If the row counts don't add up. The table stays as it was.
        """
        import polars as pl

        self._store.check_writable(f"change table {name!r}", self.path(name).parent)
        check_image_id(image_id)
        rows = storable(as_polars(frame))
        if ID in rows.columns and not rows.filter(pl.col(ID).ne_missing(image_id)).is_empty():
            raise UsageError(
                f"the rows to put into table {name!r} are not all of this image; "
                f"pass one image's rows at a time",
                dataset=self._where,
                image_id=image_id,
            )
        rows = rows.with_columns(pl.lit(image_id, dtype=pl.String).alias(ID))
        replaced = pl.DataFrame({ID: [image_id]})
        try:
            return self.commit([Change(_key(name), ID, replaced, rows, rows.clear())])[0]
        except CommitError as error:
            import duckdb

            if isinstance(error.__cause__, (OSError, duckdb.IOException)):
                raise WriteError(error.message, artifact=error.artifact) from error.__cause__
            raise

    def replace_rows(
        self, name: str, *, replaced: pl.DataFrame, parts: Sequence[Path], empty: pl.DataFrame
    ) -> Merged:
        """Replace all rows of many images with the rows of staged Parquet files.

        Args:
            name: The table's name; the table is made if it does not exist.
            replaced: Frame with the column ``image_id``: the images whose old rows are removed.
            parts: Parquet files with the new rows, each row with its ``image_id``.
            empty: Zero-row frame of the columns that the table always has.

        Returns:
            The counts of rows kept and added.

        Raises:
            TableSchemaError: If a column's types can't be reconciled.
            CommitError: If the row counts don't add up. The table stays as it was.
        """
        return self.commit([Change(_key(name), ID, replaced, parts, empty)])[0]

    def commit(self, changes: Sequence[Change], note: str = "replace rows") -> list[Merged]:
        """Apply changes to one table and its sidecars.

        Args:
            changes: In the order in which readers may see them, if not all at once.
            note: What is done, for a history.

        Returns:
            The counts of rows kept and added, per change.

        Raises:
            TableSchemaError: If a column's types can't be reconciled.
            CommitError: If the row counts don't add up. The table is unchanged.
        """
        name = changes[0].table.name
        places = [self.backend.location(change.table).parent for change in changes]
        self._store.check_writable(f"change table {name!r}", *places)
        with self.lock(name):
            return self.backend.commit(changes, note)

    def convert(self, to: Kind, *, catalog: str | None = None) -> list[str]:
        """Move all tables into a lake or back, see :func:`kymflow_zarr.tables.convert.convert`.

        Nobody may make a table of a new name meanwhile; changes of existing tables wait.
        """
        from kymflow_zarr.tables.convert import convert

        self._store.check_writable("convert the tables", layout.lake(self._store.path))
        with ExitStack() as held:
            for name in self.names():
                held.enter_context(self.lock(name))
            return convert(self._store, self.backend, to, catalog=catalog)

    def adopt(self, *, moved: bool = False) -> Adopted | None:
        """Have a copied or moved dataset be the only one of its catalog, see :mod:`~.adopt`.

        Args:
            moved: Whether this is the original, at a new place, rather than a copy.

        Returns:
            Which version of the original's tables the copy has; None where it was moved.

        Raises:
            UsageError: If there is nothing to adopt, or the dataset was not moved.
        """
        from kymflow_zarr.tables.ducklake.adopt import adopt

        self._store.check_writable("adopt the tables", layout.lake_config(self._store.path))
        with ExitStack() as held:
            for name in self.names():
                held.enter_context(self.lock(name))
            return adopt(self._store.path, moved=moved)

    def abandoned(self, for_seconds: float) -> list[Path]:
        """List files that belong to no table and were last changed at least so many seconds ago.

        Killed conversions and writers leave them.
        """
        from kymflow_zarr.tables.convert import left_behind

        backend = self.backend
        left = left_behind(self._store.path, backend, for_seconds)
        return [*backend.abandoned(for_seconds), *left]

    def compact(self, keep: timedelta = timedelta(days=7)) -> Compacted:
        """Merge small files, drop deleted rows and forget old versions of tables in a lake.

        Args:
            keep: How long versions are kept; the newest always is.

        Raises:
            UsageError: If the tables are plain files, which need no compaction.
            ReadOnlyError: If the dataset is open for reading only.
            CommitError: If it fails; the tables are unchanged.
        """
        self._store.check_writable("compact the tables", self.path("any").parent)
        return self.backend.compact(keep)

    def history(self, name: str) -> pl.DataFrame:
        """List the changes of a table in a lake.

        Args:
            name: The table's name.

        Returns:
            Frame (version int64, time UTC, author, note, kept, added, removed int64), one row per
            change, oldest first. Counts are of rows; null where only a sidecar changed.

        Raises:
            NoHistoryError: If the tables are plain files, which keep no history.
        """
        return self.backend.history(check_table_name(name))

    def lock(self, name: str) -> Lock:
        """Return the lock that the writers of a table share; it can be taken again while held."""
        from kymflow_zarr.store.locks import file_lock

        path = layout.table_lock(self._store.path, check_table_name(name))
        self._store.check_writable("take a lock", path.parent)
        return file_lock(path, shared=True)

    @contextmanager
    def reading(self, name: str | TableKey) -> Iterator[None]:
        """Name the table in any error while its rows are read within the block.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it is damaged.
            ReadError: If the system refuses to read it.
        """
        table = _key(name)
        try:
            yield
        except FileNotFoundError as error:
            known = ", ".join(self.names()) or "none yet"
            raise TableNotFoundError(
                f"there is no table {table.name!r}; tables here: {known}", dataset=self._where
            ) from error
        except (ReadError, ReadOnlyError, UntrustedHostError):
            raise
        except parquet.read_errors() as error:
            raise parquet.unreadable(self.backend.location(table), error) from error

    @property
    def _where(self) -> str:
        return str(self._store.path)


def _backend_of(dataset: Path) -> Backend:
    config = read_config(dataset)
    if config is None:
        return PlainTables(dataset)
    from kymflow_zarr.tables.ducklake.tables import LakeTables

    return LakeTables(dataset, config)


def _key(name: str | TableKey) -> TableKey:
    return name if isinstance(name, TableKey) else TableKey(check_table_name(name))
