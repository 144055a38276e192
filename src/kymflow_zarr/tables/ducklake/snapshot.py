"""One state of a lake, held by a private copy of its catalog."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from kymflow_sql import statement
from kymflow_zarr.duck import quoted
from kymflow_zarr.tables.ducklake.catalog import LAKE, Catalog, attach, unreadable
from kymflow_zarr.tables.ducklake.extensions import load
from kymflow_zarr.tables.ducklake.notes import PARTIAL
from kymflow_zarr.tables.types import Reader, TableKey

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
ROWS = "main"


def schema_of(table: TableKey) -> str:
    """Return the lake's schema for a table: one for tables, one per kind of sidecar."""
    return table.sidecar or ROWS


def target(table: TableKey) -> str:
    """Return a table's name in SQL."""
    return f"{LAKE}.{quoted(schema_of(table))}.{quoted(table.name)}"


class Snapshot:
    """The lake as it was when this was made.

    Args:
        catalog: The lake's catalog.

    Attributes:
        tables: The tables in it.
        con: A connection over them.
        close: Closes it; called when this object is dropped or the process ends.
    """

    def __init__(self, catalog: Catalog) -> None:
        import duckdb

        with ExitStack() as held:
            self.con = held.enter_context(catalog.connection())
            load(self.con, "ducklake")
            with TemporaryDirectory(prefix="kymflow-", ignore_cleanup_errors=True) as scratch:
                copy = Path(scratch, "catalog.ducklake")
                catalog.copy_to(copy)
                catalog.inspect_copy(self.con, copy)
                try:
                    # Once open, the copy needs no name: a killed process leaves no file.
                    attach(self.con, str(copy), catalog.data, "READ_ONLY")
                except duckdb.Error as error:
                    raise unreadable(catalog, error) from error
            self.close = weakref.finalize(self, held.pop_all().close)
        self._one_at_a_time = threading.Lock()
        listed = self.con.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE database_name = $1", [LAKE]
        ).fetchall()
        self.tables = {
            TableKey(name, None if schema == ROWS else schema) for schema, name in listed
        }

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """Return another connection over the tables, for use by itself."""
        cursor = self.con.cursor()
        cursor.execute("SET enable_progress_bar = false")
        return cursor

    def ask(self, question: Callable[[Reader], T]) -> T:
        """Answer a question about the tables."""
        with self._one_at_a_time:
            return question(self)

    def relation(self, table: TableKey) -> duckdb.DuckDBPyRelation | None:
        """Return the rows of a table, None if there is no such table."""
        return self.con.table(target(table)) if table in self.tables else None

    def names_table(self, sidecar: TableKey) -> bool:
        """Look for a note on the sidecar."""
        *_, note = self._last_changes(sidecar)
        return note is not None

    def is_for_table(self, sidecar: TableKey) -> bool:
        """Compare when the table and its sidecar last changed: both change in one transaction."""
        table, beside, note = self._last_changes(sidecar)
        if table is None or beside is None or note == PARTIAL:
            return False
        return table <= beside

    def _last_changes(self, sidecar: TableKey) -> tuple[int | None, int | None, str | None]:
        inputs = {"name": sidecar.name, "sidecar": schema_of(sidecar)}
        [found] = self.con.execute(statement("ducklake/last_changes"), inputs).fetchall()
        return found
