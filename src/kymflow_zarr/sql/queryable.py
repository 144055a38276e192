"""SQL for any class that provides views."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from kymflow_zarr.tables.moves import read_in_place
from kymflow_zarr.tables.types import AsOf

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import duckdb
    import polars as pl
    import pyarrow as pa

    from kymflow_zarr.sql.views import Views

T = TypeVar("T")


class Queryable(ABC):
    """Answers SQL, read-only, over tables as they were when the query began.

    A query may read the tables and nothing else: no other file, no address, no variable of the
    program; and it changes nothing. Writers may replace a table meanwhile. DuckDB takes at most
    about 40 % of the machine's memory, and spills the rest into a private temporary folder.
    """

    @property
    @abstractmethod
    def _folder(self) -> Path:
        """The dataset's folder."""

    @abstractmethod
    def _views(self) -> Views:
        """Return the views that queries may read."""

    def sql(
        self,
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        tables: Iterable[str] | None = None,
        timeout: float | None = None,
        at: AsOf = None,
    ) -> pl.DataFrame:
        """Answer a SQL query.

        Args:
            query: One statement that returns rows, in DuckDB's SQL.
            params: Values for ``$name`` (a mapping) or ``?`` (a sequence) in it.
            tables: The only tables that it may read; all by default.
            timeout: Seconds that it may take; no limit by default.
            at: Answer over the tables as they were at this version, or at this moment (a datetime
                without a time zone is in local time); now by default. Only tables in a lake keep
                earlier versions.

        Returns:
            The answer. Columns of the same name get numbers: ``image_id``, ``image_id_1``. Sums of
            whole numbers are Int64 where they fit. Times with a time zone are in UTC.

        Raises:
            QueryError: If the query can't be answered; the first line says why.
            QueryTimeoutError: If it takes longer than it may.
            UsageError: If ``at`` is given and the tables are plain files, which keep no history.
            TableNotFoundError: If ``tables`` names one that is not there.
            KeyboardInterrupt: On Ctrl-C, once the query has stopped.
        """
        from kymflow_zarr.sql.answers import answer

        return self._ask(tables, at, lambda views: answer(views, query, params, timeout))

    def sql_lazy(
        self,
        query: str,
        params: Mapping[str, Any] | Sequence[Any] | None = None,
        *,
        tables: Iterable[str] | None = None,
        timeout: float | None = None,
        at: AsOf = None,
        cancelled: threading.Event | None = None,
    ) -> pa.RecordBatchReader:
        """Answer a SQL query batch by batch, for answers larger than memory.

        Args:
            query: As for :meth:`sql`.
            params: As for :meth:`sql`.
            tables: As for :meth:`sql`.
            timeout: Seconds that DuckDB may take for all batches together, the reader's own time
                not counted.
            at: As for :meth:`sql`.
            cancelled: Ends the query once another thread sets it; only with a ``timeout``.

        Returns:
            A reader of batches of about 100,000 rows; anything that takes an Arrow stream takes it.
            It keeps the tables as they were until it is read to its end, closed or dropped. Sums
            of whole numbers are decimal128(38, 0).

        Raises:
            QueryError: As for :meth:`sql`; also while reading, from the reader.
            QueryTimeoutError: If the query takes longer than it may; also while reading.
            TableNotFoundError: If ``tables`` names one that is not there.
        """
        from kymflow_zarr.sql.answers import stream

        return self._ask(tables, at, lambda views: stream(views, query, params, timeout, cancelled))

    def connect(
        self, *, tables: Iterable[str] | None = None, at: AsOf = None
    ) -> duckdb.DuckDBPyConnection:
        """Return a DuckDB connection that has every table as a view.

        It is locked down like :meth:`sql`, and keeps the tables as they are now for as long as it,
        its cursors or relations live. Temporary tables, views and macros may be made in it; they
        disappear with it.

        Args:
            tables: The only tables it has; all by default.
            at: As for :meth:`sql`.

        Raises:
            QueryError: If a table can't be read.
            TableNotFoundError: If ``tables`` names one that is not there.
        """
        from kymflow_zarr.sql.answers import connect

        return self._ask(tables, at, connect)

    def _ask(self, tables: Iterable[str] | None, at: AsOf, ask: Callable[[Views], T]) -> T:
        """Ask something of some views, wherever the tables are moved meanwhile."""
        chosen = None if tables is None else [tables] if isinstance(tables, str) else list(tables)
        return read_in_place(self._folder, lambda: ask(self._views().only(chosen).as_of(at)))
