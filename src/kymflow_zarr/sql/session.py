"""A DuckDB connection that can read some tables and do nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import duckdb

from kymflow_zarr.duck import memory_limit
from kymflow_zarr.errors import QueryError
from kymflow_zarr.sql.messages import explained
from kymflow_zarr.sql.statement import Query, parse
from kymflow_zarr.sql.views import Source, Views
from kymflow_zarr.tables.open_files import OpenFiles, has_descriptors

if TYPE_CHECKING:
    from types import TracebackType

    from kymflow_zarr.tables.types import Sources

Params = Mapping[str, Any] | Sequence[Any] | None
_CONFIG: Mapping[str, Any] = {
    "allow_community_extensions": False,
    "allow_persistent_secrets": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
}
_SETTINGS = (
    "TimeZone = 'UTC'",
    # Harmless, and set by Ibis; without external access no Python variable is read anyway.
    "allowed_configs = ['TimeZone', 'enable_progress_bar', 'python_enable_replacements']",
    "enable_external_access = false",
    "lock_configuration = true",
)


class Session:
    """An in-memory DuckDB with views over tables as they were when it was opened.

    Args:
        views: The views that it may have; they are made when needed.

    Attributes:
        con: The connection.
    """

    def __init__(self, views: Views) -> None:
        self._views = views
        self._files_held = OpenFiles()
        self._sources: Sources | None = None
        self._is_left_behind = False
        scratch = {"temp_directory": str(self._files_held.scratch)}
        self.con = duckdb.connect(config={**_CONFIG, **views.backend.options(), **scratch})

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_left_behind:
            shutil.rmtree(self._files_held.scratch, ignore_errors=True)
            return
        self.con.close()
        self._files_held.close()

    def leave_behind(self) -> None:
        """Have the end of the session close nothing: a query still runs that can't be stopped."""
        self._is_left_behind = True

    def prepare(self, text: str, params: Params) -> Query:
        """Parse a query and make the views that it needs.

        Args:
            text: The SQL.
            params: Values for ``$name`` or ``?`` in it.

        Raises:
            QueryError: If it is not allowed here, or a file can't be read.
        """
        query = parse(self.con, text)
        if query.parameters and not params:
            names = ", ".join(f"${name}" for name in sorted(query.parameters))
            raise QueryError(f"the query has no value for {names}; pass it in params")
        views = self._views.by_name
        self.open(query.needs(views), descriptors=query.reads_by_name(views) and has_descriptors())
        return query

    def open(self, names: Sequence[str], *, descriptors: bool) -> None:
        """Make views and lock the door.

        Reading then goes through the views alone. Nothing else can be read or written but a
        private folder for what queries spill; extensions can't be loaded; and but for a few
        harmless settings the configuration is locked.

        Args:
            names: Of the views.
            descriptors: Whether there is one query only, which reads views by their names and can
                do nothing else: the fastest way, in which what is opened for the views could also
                be opened otherwise.

        Raises:
            QueryError: If a table can't be read, or two names differ by case only.
        """
        self._check_case(names)
        views = self._views
        tables = dict.fromkeys(table for name in names for table in views.by_name[name].tables)
        self._sources = views.backend.sources(self.con, self._files_held, list(tables), views.at)
        self._lock_down(self._sources.open(descriptors=descriptors))
        self._sources.after_lock_down()
        for name in names:
            self._make_view(name, self._sources)

    @contextmanager
    def errors_explained(self, text: str, params: Params = None) -> Iterator[None]:
        """Turn what DuckDB raises about a query into an error that helps to correct it.

        Raises:
            QueryError: In place of any error of DuckDB.
        """
        try:
            yield
        except QueryError as error:
            error.dataset = error.dataset or str(self._views.dataset)
            raise
        except duckdb.Error as error:
            raise self.failure(self._with_place(error, text, params)) from error

    def failure(self, message: str) -> QueryError:
        """Return the error for what DuckDB says of a query."""
        text = explained(self._named(message), self._views, self._columns())
        return QueryError(text, dataset=str(self._views.dataset))

    def _check_case(self, names: Sequence[str]) -> None:
        seen: dict[str, str] = {}
        for name in names:
            twin = seen.setdefault(name.lower(), name)
            if twin != name:
                raise QueryError(
                    f"tables {twin!r} and {name!r} differ by case only, which SQL can't tell "
                    f"apart; rename one, or leave it out by tables="
                )

    def _lock_down(self, allowed: Sequence[str]) -> None:
        # Half of what DuckDB would take, the answer needs memory as well; and of the disk.
        self.con.execute(f"SET memory_limit = '{memory_limit() // 2} B'")
        free = shutil.disk_usage(self._files_held.scratch).free
        self.con.execute(f"SET max_temp_directory_size = '{free // 2} B'")
        for setting in (*allowed, *_SETTINGS):
            self.con.execute(f"SET {setting}")

    def _make_view(self, name: str, sources: Sources) -> None:
        view = self._views.by_name[name]
        try:
            table, *others = (Source(sources.sql(t), sources.identity(t)) for t in view.tables)
            named = dict(zip(view.others, others, strict=True))
            sources.show(name, view.select(sources.con, table, **named))
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise self._unreadable(name, error) from error

    def _unreadable(self, name: str, error: Exception) -> QueryError:
        return QueryError(
            f"table {name!r} can't be read; restore its file, or delete it and build the table "
            f"again\n"
            f"{self._named(str(error))}",
            artifact=str(self._views.backend.location(self._views.by_name[name].table)),
        )

    def _named(self, message: str) -> str:
        """Put the tables' own names into a message."""
        return self._sources.restore_names(message) if self._sources else message

    def _with_place(self, error: duckdb.Error, text: str, params: Params) -> str:
        """Return an error's message with the place in the query, which relations leave out."""
        if isinstance(error, duckdb.BinderException | duckdb.CatalogException):
            try:
                self.con.execute(text, params or None)
            except duckdb.Error as again:
                return str(again)
        return str(error)

    def _columns(self) -> dict[str, list[str]]:
        """Return the columns of every view made so far."""
        found: dict[str, list[str]] = {}
        with suppress(duckdb.Error):
            rows = self.con.execute(
                "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal"
            ).fetchall()
            for table, column in rows:
                found.setdefault(table, []).append(column)
        return found
