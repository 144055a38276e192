"""A lake's catalog in a PostgreSQL database, which knows the one dataset that it belongs to."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import literal, quoted, value
from kymflow_zarr.errors import TableUnreadableError, UsageError
from kymflow_zarr.reasons import escaped, first_line
from kymflow_zarr.store import layout
from kymflow_zarr.tables.ducklake.catalog import LAKE, SMALL, Catalog, attach, unreadable
from kymflow_zarr.tables.ducklake.config import LakeConfig
from kymflow_zarr.tables.ducklake.extensions import load
from kymflow_zarr.tables.ducklake.inspection import inspect
from kymflow_zarr.tables.ducklake.ownership import Ownership

if TYPE_CHECKING:
    import duckdb

_CATALOG_TABLES = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'copy'"


class PostgresCatalog(Catalog):
    """A catalog in a PostgreSQL database, in a schema of its own.

    Args:
        dataset: The dataset's folder.
        config: The database and the schema.
    """

    def __init__(self, dataset: Path, config: LakeConfig) -> None:
        super().__init__(dataset)
        self._config = config
        self._owned = Ownership(dataset, config)
        self._watching: _Kept | None = None

    @property
    def metadata(self) -> str:
        """The schema of the catalog's own tables."""
        return f"__ducklake_metadata_{LAKE}.{quoted(self._config.schema)}"

    @contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yield a connection that changes the lake as PostgreSQL commits."""
        self.check_data()
        with self._connected() as con:
            if layout.lake_config(self._dataset).exists():
                self._check_own(con)
            else:
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
            with suppress(duckdb.Error):  # the connection broke meanwhile
                return int(value(self._watching.con.cursor(), newest))
        self._watching = _Kept(self._connected("READ_ONLY"))
        return int(value(self._watching.con.cursor(), newest))

    def copy_to(self, path: Path) -> None:
        """Copy the catalog's tables, in one transaction, into a catalog file."""
        with self._connected("READ_ONLY") as con:
            load(con, "ducklake")
            attach(con, str(path), self.data, SMALL)
            con.execute(f"DETACH {LAKE}")
            con.execute(f"ATTACH {literal(str(path))} AS copy")
            _move(con, self._table, _in_copy)
            con.execute("DETACH copy")

    def fill_from(self, copy: Path) -> None:
        """Make the catalog, in a new schema, of what a catalog file holds."""
        schema = quoted(self._config.schema)
        with self._connected() as con:
            con.execute(f"CREATE SCHEMA pg.{schema}")
            load(con, "ducklake")
            address = f"postgres:{self._config.connection}"
            attach(con, address, self.data, f"META_SCHEMA {literal(self._config.schema)}")
            con.execute(f"DETACH {LAKE}")
            con.execute("CALL pg_clear_cache()")
            con.execute(f"ATTACH {literal(str(copy))} AS copy (READ_ONLY)")
            _move(con, _in_copy, self._table)

    def remove(self) -> None:
        """Drop the schema, which was found to be this dataset's before."""
        with self._connected() as con:
            self._owned.check_confirmed(con)
            con.execute(f"DROP SCHEMA IF EXISTS pg.{quoted(self._config.schema)} CASCADE")

    def claim(self) -> None:
        """Have the catalog know this dataset, and where it is, for its own from now on."""
        with self._connected() as con:
            self._owned.claim(con)

    def check_own(self) -> None:
        """Refuse to go on where the catalog knows another dataset, or another place."""
        with self._connected() as con:
            self._check_own(con)

    def is_own(self) -> bool:
        """Tell whether the catalog knows this dataset, or none yet."""
        with self._connected("READ_ONLY") as con:
            known = self._owned.known(con)
        return known is None or self._owned.is_here(known)

    def check_foreign(self, *, moved: bool) -> None:
        """Refuse to take a catalog over where there is no need, or its dataset is still there.

        Args:
            moved: Whether the dataset is said to have been moved.

        Raises:
            UsageError: If so.
        """
        with self._connected("READ_ONLY") as con:
            known = self._owned.known(con)
        if known is None or self._owned.is_here(known):
            raise UsageError(
                "nothing is to be adopted: the catalog of the tables is this dataset's own",
                dataset=str(self._dataset),
            )
        if moved and self._owned.is_elsewhere(known):
            raise UsageError(
                f"the dataset was not moved: the one that the catalog knows is still at "
                f"{escaped(known.path)}, and this is a copy of it",
                dataset=str(self._dataset),
            )

    def _check_own(self, con: duckdb.DuckDBPyConnection) -> None:
        import duckdb

        try:
            inspect(con, f"pg.{quoted(self._config.schema)}", Path(self.data), self.folder)
        except duckdb.Error as error:
            raise unreadable(self, error) from error
        self._owned.check(con)

    def _table(self, name: str) -> str:
        return f"pg.{quoted(self._config.schema)}.{quoted(name)}"

    @contextmanager
    def _connected(self, *more: str) -> Iterator[duckdb.DuckDBPyConnection]:
        import duckdb

        listed = ", ".join(["TYPE postgres", *more])
        server = self._config.connection
        server.check_trusted(self._dataset)
        with self.connection() as con:
            load(con, "postgres_scanner")
            try:
                con.execute(f"ATTACH {literal(str(server))} AS pg ({listed})")
            except duckdb.Error as error:
                raise TableUnreadableError(
                    f"the catalog of the tables can't be reached ({first_line(error)}); start its "
                    f"server, or check the network and ~/.pgpass",
                    dataset=str(self._dataset),
                ) from error
            yield con


def _in_copy(name: str) -> str:
    return f"copy.{quoted(name)}"


def _move(
    con: duckdb.DuckDBPyConnection, source: Callable[[str], str], goal: Callable[[str], str]
) -> None:
    """Put the rows of one catalog in the place of another's, in one transaction.

    Args:
        con: A connection to both; the one that is a file is attached as ``copy``.
        source: Names a table of the catalog to take from.
        goal: Names a table of the one to fill.
    """
    names = con.execute(_CATALOG_TABLES).fetchall()
    con.execute("BEGIN")
    for (name,) in names:
        con.execute(f"DELETE FROM {goal(name)}")
        con.execute(f"INSERT INTO {goal(name)} BY NAME FROM {source(name)}")
    con.execute("COMMIT")


class _Kept:
    """A connection that is open for as long as this object lives."""

    def __init__(self, opening: AbstractContextManager[duckdb.DuckDBPyConnection]) -> None:
        held = ExitStack()
        self.con = held.enter_context(opening)
        self.close = weakref.finalize(self, held.close)
