"""One state of a lake, held by a private copy of its catalog."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

from kymflow_zarr.duck import engine_connection, quoted
from kymflow_zarr.errors import TableUnreadableError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.tables.ducklake.catalog import LAKE, Catalog, attach
from kymflow_zarr.tables.ducklake.extensions import load, options
from kymflow_zarr.tables.types import Reader, TableKey

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
ROWS = "main"


def schema_of(table: TableKey) -> str:
    """Return the lake's schema for a table: one for tables, one for each kind beside them."""
    return table.sidecar or ROWS


def target(table: TableKey) -> str:
    """Return a table's name in SQL."""
    return f"{LAKE}.{quoted(schema_of(table))}.{quoted(table.name)}"


class Snapshot:
    """The lake as it was when this was made.

    Args:
        catalog: The lake's catalog.

    Attributes:
        tables: The tables there are.
        con: A connection over them.
        close: Closes it; it is called with the end of this object or of the process.
    """

    def __init__(self, catalog: Catalog) -> None:
        import duckdb

        with ExitStack() as held:
            self.con = held.enter_context(engine_connection(catalog.folder, options()))
            load(self.con, "ducklake")
            with TemporaryDirectory(prefix="kymflow-", ignore_cleanup_errors=True) as scratch:
                copy = Path(scratch, "catalog.ducklake")
                catalog.copy_to(copy)
                try:
                    # Once open, the copy needs no name, and whoever is killed leaves none.
                    attach(self.con, str(copy), catalog.data, "READ_ONLY")
                except duckdb.Error as error:
                    raise TableUnreadableError(
                        f"the catalog of the tables can't be read ({first_line(error)}); restore "
                        f"it from a backup",
                        artifact=str(catalog.folder),
                    ) from error
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
        """Return the answer to a question about the tables."""
        with self._one_at_a_time:
            return question(self)

    def relation(self, table: TableKey) -> duckdb.DuckDBPyRelation | None:
        """Return the rows of a table, None where there is no such table."""
        return self.con.table(target(table)) if table in self.tables else None
