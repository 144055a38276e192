"""The lake of a session: a copy of its catalog that holds only the session's tables."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from kymflow_sql import statement
from kymflow_zarr.duck import literal, quoted
from kymflow_zarr.errors import QueryError, VersionNotFoundError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.containment import resolve_all_within
from kymflow_zarr.tables.ducklake.catalog import Catalog, attach
from kymflow_zarr.tables.ducklake.extensions import load, options
from kymflow_zarr.tables.ducklake.rows import Rows
from kymflow_zarr.tables.ducklake.snapshot import schema_of, target
from kymflow_zarr.tables.types import AsOf, TableKey

if TYPE_CHECKING:
    from kymflow_zarr.tables.open_files import OpenFiles

_QUIET = {
    "allow_persistent_secrets": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_LOCKED = ("TimeZone = 'UTC'", "enable_external_access = false", "lock_configuration = true")


class LakeSources:
    """Tables of a lake as the sources of a session.

    DuckLake reads the files by their names, and whoever may open one by name reads rows that are
    deleted, too. So where a session's queries are not known beforehand, the lake is attached to
    another connection, which they do not reach, and the session scans what that one answers.

    Args:
        con: The session's connection.
        open_files: Provides a private folder, for the copy.
        catalog: The lake's catalog.
        tables: The tables.
        at: As they were at this version or moment; None stands for now.

    Attributes:
        con: The connection that the lake is attached to.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        catalog: Catalog,
        tables: Sequence[TableKey],
        at: AsOf,
    ) -> None:
        self.con = con
        self._session = con
        self._scratch = open_files.scratch
        self._copy = open_files.scratch / "catalog.ducklake"
        self._catalog = catalog
        self._tables = tables
        self._at = at
        self._state: Hashable = None

    def open(self, *, descriptors: bool) -> list[str]:
        """Attach the copy; see :class:`~kymflow_zarr.tables.types.Sources`."""
        self._catalog.check_place()
        self._state = self._catalog.version()
        self._catalog.check_data()
        self._catalog.copy_to(self._copy)
        files = self._look_into_copy()
        if not descriptors:
            self.con = duckdb.connect(
                config={**options(), **_QUIET, "temp_directory": str(self._scratch)}
            )
        self._attach()
        allowed = f"allowed_paths = [{', '.join(literal(str(file)) for file in files)}]"
        if descriptors:
            return [allowed]
        for setting in (allowed, *_LOCKED):
            self.con.execute(f"SET GLOBAL {setting}")
        return []

    def _attach(self) -> None:
        load(self.con, "ducklake")
        data = f"{Path(self._catalog.data).resolve()}/"
        try:
            attach(self.con, str(self._copy), data, "READ_ONLY", *self._moment())
        except duckdb.Error as error:
            kind = QueryError if self._at is None else VersionNotFoundError
            raise kind(self._why(error), artifact=str(self._catalog.folder)) from error

    def after_lock_down(self) -> None:
        """Do nothing: the copy is open already."""

    def sql(self, table: TableKey) -> str:
        """Return the table's name."""
        return target(table)

    def show(self, name: str, select: str) -> None:
        """Make a view in the session's connection."""
        if self.con is self._session:
            self.con.execute(f"CREATE VIEW {quoted(name)} AS {select}")
        else:
            Rows(self.con, select).show_in(self._session, name)

    def identity(self, table: TableKey) -> Hashable:
        """Return a value that differs between any two states of a table."""
        return (str(self._catalog.folder), self._state, self._at, table)

    def restore_names(self, message: str) -> str:
        """Return a message unchanged: it has the tables' own names."""
        return message

    def _why(self, error: duckdb.Error) -> str:
        if self._at is None:
            return f"the catalog of the tables can't be read: {first_line(error)}"
        return (
            f"the tables can't be read as they were at {self._at}: there was no version then, or "
            f"it is no longer kept\n{error}"
        )

    def _moment(self) -> list[str]:
        if self._at is None:
            return []
        if isinstance(self._at, datetime):
            moment = self._at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
            return [f"SNAPSHOT_TIME {literal(moment)}"]
        return [f"SNAPSHOT_VERSION {int(self._at)}"]

    def _look_into_copy(self) -> list[Path]:
        """Take the other tables out of the copy; return the files of those that stay.

        Raises:
            TableUnreadableError: If it is no catalog of a lake.
            OutsideError: If it names a file or folder that is not the lake's.
        """
        version, moment = (None, self._at) if isinstance(self._at, datetime) else (self._at, None)
        wanted = [[schema_of(table), table.name] for table in self._tables]
        inputs = {"wanted": wanted, "version": version, "moment": moment and moment.astimezone(UTC)}
        with duckdb.connect() as con:
            self._catalog.inspect_copy(con, self._copy)
            con.execute(f"ATTACH {literal(str(self._copy))} AS copy")
            files = con.execute(statement("ducklake/live_files"), inputs).fetchall()
            con.execute(statement("ducklake/keep_tables"), {"wanted": wanted})
            con.execute("DETACH copy")
        return resolve_all_within(Path(self._catalog.data), [place for (place,) in files])
