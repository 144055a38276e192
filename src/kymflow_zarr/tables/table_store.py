"""The tables of a dataset, wherever they lie: by default one plain Parquet file each."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from kymflow_zarr.errors import ReadError, TableNotFoundError, UsageError
from kymflow_zarr.frames import as_polars, storable
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import sweep_temporaries, temporary_path
from kymflow_zarr.store.names import check_image_id, check_table_name
from kymflow_zarr.store.reads import stamp
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.ducklake.config import config_path, read_config
from kymflow_zarr.tables.parquet.tables import PlainTables
from kymflow_zarr.tables.types import Change, Compacted, Merged, Reader, Stat, TableKey

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr.dataset import ZarrDataset
    from kymflow_zarr.store.locks import Lock
    from kymflow_zarr.tables.convert import Kind

T = TypeVar("T")
ID = "image_id"


class TableStore:
    """The tables of one dataset.

    Args:
        dataset: The dataset whose tables this serves.
    """

    __slots__ = ("_backend", "_dataset")

    def __init__(self, dataset: ZarrDataset) -> None:
        self._dataset = dataset
        self._backend: tuple[Hashable, Backend] | None = None

    def __reduce__(self) -> tuple[type[TableStore], tuple[ZarrDataset]]:
        return type(self), (self._dataset,)

    @property
    def backend(self) -> Backend:
        """Where the tables lie; others may move them at any time.

        Raises:
            DatasetFormatError: If that can't be told.
        """
        state = stamp(config_path(self._dataset.path))
        if self._backend is None or self._backend[0] != state:
            self._backend = state, _backend_of(self._dataset.path)
        return self._backend[1]

    def path(self, name: str) -> Path:
        """Return the file or folder of a table, whether or not it exists.

        Raises:
            InvalidNameError: If the name is not one a table may have.
        """
        return self.backend.location(_key(name))

    def names(self) -> list[str]:
        """Return the names of the tables there are, sorted.

        A file whose name may not be a table's is none; a warning is logged.
        """
        return self.backend.names()

    def exists(self, name: str | TableKey) -> bool:
        """Tell whether there is a table of this name."""
        return self.backend.exists(_key(name))

    def version(self, name: str | TableKey) -> Hashable:
        """Return what changes whenever a table does; None where there is none."""
        return self.backend.version(_key(name))

    def stat(self, name: str) -> Stat:
        """Return how many bytes hold a table, and when it last changed."""
        return self.backend.stat(check_table_name(name))

    def read(self, tables: Sequence[TableKey], ask: Callable[[Reader], T]) -> T:
        """Ask a question about some tables as they are at one moment.

        Args:
            tables: The tables.
            ask: Given a DuckDB connection that reads them; it may be called more than once.

        Returns:
            Its answer.
        """
        return self.backend.read(tables, ask)

    def scan(self, name: str | TableKey) -> pl.LazyFrame:
        """Return a table as a lazy frame, of the table as it is now.

        The frame never sees a table that replaces it.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it can't be read.
        """
        with self.reading(name):
            return self.backend.scan(_key(name))
        raise AssertionError("unreachable")

    def load(self, name: str | TableKey) -> pl.DataFrame:
        """Return a table as a frame.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it is damaged.
        """
        with self.reading(name):
            return self.scan(name).collect()
        raise AssertionError("unreachable")

    def count(self, name: str) -> int:
        """Return how many rows a table has.

        Raises:
            TableNotFoundError: If there is no such table.
            TableUnreadableError: If it is damaged.
        """
        import polars as pl

        with self.reading(name):
            return int(self.scan(name).select(pl.len()).collect().item())
        raise AssertionError("unreachable")

    def save(self, name: str, frame: object) -> Path:
        """Write a whole table, in place of the one of that name if there is one.

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
        self._dataset.check_writable(f"save table {name!r}", path.parent)
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
        self._dataset.check_writable(f"delete table {name!r}", self.path(name).parent)
        with self.lock(name):
            if not self.exists(name):
                raise TableNotFoundError(f"there is no table {name!r}", dataset=self._where)
            self.backend.drop(_key(name))

    def replace_rows_for_image_id(self, name: str, image_id: str, frame: object) -> Merged:
        """Replace all rows of one image.

        This rewrites the table. For many images use the engine's bulk update instead.

        Args:
            name: The table's name; the table is made if it does not exist.
            image_id: The image whose rows go.
            frame: Its new rows; a frame without rows removes the image from the table.

        Returns:
            The counts of rows kept and added.

        Raises:
            UsageError: If the frame holds rows of another image.
            TableSchemaError: If a column's type can't be reconciled with the table's.
        """
        import polars as pl

        staging = self._dataset.path / "index" / "staging"
        self._dataset.check_writable(f"change table {name!r}", staging)
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
        staged = self.path(name).with_suffix(".rows")
        with self.lock(name):
            sweep_temporaries(staged)
            with temporary_path(staged) as part:
                parquet.write(rows, part)
                replaced = pl.DataFrame({ID: [image_id]})
                return self.replace_rows(name, replaced=replaced, parts=[part], empty=rows.clear())

    def replace_rows(
        self, name: str, *, replaced: pl.DataFrame, parts: Sequence[Path], empty: pl.DataFrame
    ) -> Merged:
        """Replace all rows of many images with the rows of staged Parquet files.

        Args:
            name: The table's name; the table is made if it does not exist.
            replaced: Frame with the column ``image_id``: the images whose old rows go.
            parts: Parquet files with the new rows, each row with its ``image_id``.
            empty: Zero-row frame of the columns that the table always has.

        Returns:
            The counts of rows kept and added.

        Raises:
            TableSchemaError: If a column's types can't be reconciled.
            CommitError: If the row counts don't add up. The table stands as it was.
        """
        return self.commit([Change(_key(name), ID, replaced, parts, empty)])[0]

    def commit(self, changes: Sequence[Change], note: str = "replace rows") -> list[Merged]:
        """Apply changes to one table and those beside it.

        Args:
            changes: In the order in which they may show, where not all show at once.
            note: What is done, for the history where one is kept.

        Returns:
            The counts of rows kept and added, a change each.

        Raises:
            TableSchemaError: If a column's types can't be reconciled.
            CommitError: If the row counts don't add up. The table stands as it was.
        """
        name = changes[0].table.name
        places = [self.backend.location(change.table).parent for change in changes]
        self._dataset.check_writable(f"change table {name!r}", *places)
        with self.lock(name):
            return self.backend.commit(changes, note)

    def convert(self, to: Kind, *, catalog: str | None = None) -> list[str]:
        """Move all tables into a lake or back, see :func:`kymflow_zarr.tables.convert.convert`."""
        from kymflow_zarr.tables.convert import convert

        return convert(self._dataset, to, catalog=catalog)

    def compact(self, keep: timedelta = timedelta(days=7)) -> Compacted:
        """Merge small files, drop deleted rows and forget old versions of tables in a lake.

        Args:
            keep: How long versions can be looked back at; the newest always stays.

        Raises:
            UsageError: If the tables are plain files, which need none of it.
            ReadOnlyError: If the dataset is open for reading only.
            CommitError: If it can't be done; the tables stand as they were.
        """
        self._dataset.check_writable("compact the tables", self.path("any").parent)
        return self.backend.compact(keep)

    def history(self, name: str) -> pl.DataFrame:
        """Return what was done to a table, for tables in a lake.

        Args:
            name: The table's name.

        Returns:
            Frame (version int64, time UTC, author, note, kept, added, removed int64), a row a
            change, the first first. Counts are of rows; null where only what is kept beside the
            table changed.

        Raises:
            UsageError: If the tables are plain files, which keep no history.
        """
        return self.backend.history(check_table_name(name))

    def lock(self, name: str) -> Lock:
        """Return the lock that the writers of a table share; it can be taken again while held."""
        from kymflow_zarr.store.locks import file_lock

        path = self._dataset.path / "index" / "locks" / f"{check_table_name(name)}.lock"
        self._dataset.check_writable("take a lock", path.parent)
        return file_lock(path, shared=True)

    @contextmanager
    def reading(self, name: str | TableKey) -> Iterator[None]:
        """Name a table in what goes wrong while rows of it are read within the block.

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
        except ReadError:
            raise
        except parquet.read_errors() as error:
            raise parquet.unreadable(self.backend.location(table), error) from error

    @property
    def _where(self) -> str:
        return str(self._dataset.path)


def _backend_of(dataset: Path) -> Backend:
    config = read_config(dataset)
    if config is None:
        return PlainTables(dataset)
    from kymflow_zarr.tables.ducklake.tables import LakeTables

    return LakeTables(dataset, config)


def _key(name: str | TableKey) -> TableKey:
    return name if isinstance(name, TableKey) else TableKey(check_table_name(name))
