"""The lake of a session: a copy of its catalog with the session's tables alone."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from kymflow_sql import statement
from kymflow_zarr.duck import literal
from kymflow_zarr.errors import QueryError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.tables.ducklake.catalog import Catalog, attach
from kymflow_zarr.tables.ducklake.extensions import load
from kymflow_zarr.tables.ducklake.snapshot import schema_of, target
from kymflow_zarr.tables.types import AsOf, TableKey

if TYPE_CHECKING:
    from kymflow_zarr.tables.open_files import OpenFiles


class LakeSources:
    """Tables of a lake as the sources of a session.

    Args:
        con: The session's connection.
        open_files: Has a private folder, for the copy.
        catalog: The lake's catalog.
        tables: The tables.
        at: As they were at this version or moment; None stands for now.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        catalog: Catalog,
        tables: Sequence[TableKey],
        at: AsOf,
    ) -> None:
        self._con = con
        self._copy = open_files.scratch / "catalog.ducklake"
        self._catalog = catalog
        self._tables = tables
        self._at = at
        self._state: Hashable = None

    def open(self, *, descriptors: bool) -> list[str]:
        """Attach the copy; see :class:`~kymflow_zarr.tables.types.Sources`."""
        self._state = self._catalog.version()
        self._catalog.copy_to(self._copy)
        self._leave_out_others()
        data = self._catalog.data
        if not descriptors:
            from kymflow_zarr.tables.filesystem import FolderFilesystem, folder_path

            self._con.register_filesystem(FolderFilesystem(Path(data)))
            data = folder_path()
        load(self._con, "ducklake")
        try:
            attach(self._con, str(self._copy), data, "READ_ONLY", *self._moment())
        except duckdb.Error as error:
            raise QueryError(self._why(error), artifact=str(self._catalog.folder)) from error
        return [f"allowed_directories = [{literal(data)}]"]

    def after_lock_down(self) -> None:
        """Nothing more is to be done."""

    def sql(self, table: TableKey) -> str:
        """Return the table's name."""
        return target(table)

    def identity(self, table: TableKey) -> Hashable:
        """Return what tells this state of a table from any other."""
        return (str(self._catalog.folder), self._state, self._at, table)

    def restore_names(self, message: str) -> str:
        """Leave a message as it is: the tables bear their own names."""
        return message

    def _why(self, error: duckdb.Error) -> str:
        if self._at is None:
            return f"the catalog of the tables can't be read: {first_line(error)}"
        return (
            f"the tables can't be read as they were at {self._at}: there was no version of them, "
            f"or it is forgotten; `kymflow history` lists those there are\n{error}"
        )

    def _moment(self) -> list[str]:
        if self._at is None:
            return []
        if isinstance(self._at, datetime):
            moment = self._at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
            return [f"SNAPSHOT_TIME {literal(moment)}"]
        return [f"SNAPSHOT_VERSION {int(self._at)}"]

    def _leave_out_others(self) -> None:
        """Take the other tables out of the copy."""
        with duckdb.connect() as con:
            con.execute(f"ATTACH {literal(str(self._copy))} AS copy")
            wanted = [[schema_of(table), table.name] for table in self._tables]
            con.execute(statement("lake/keep_tables"), {"wanted": wanted})
            con.execute("DETACH copy")
