"""Tables as files for other programs: one table in any format, or all of them in one database."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.formats import format_of, write
from kymflow_zarr.duck import quoted
from kymflow_zarr.errors import UsageError
from kymflow_zarr.store.files import atomic_path

if TYPE_CHECKING:
    from kymflow_zarr.sql.queryable import Queryable

DATABASE = ".duckdb"


def export(kym: Queryable, path: Path, tables: Sequence[str] = ()) -> None:
    """Write tables to a file, which appears whole or not at all.

    Args:
        kym: The dataset's tables.
        path: Its ending decides. ``.duckdb`` is a database of many tables, each a copy of the
            view of that name, so that queries run in it as they do here; the endings of
            ``kymflow.core.formats`` hold one table.
        tables: Views of the SQL session, tables among them. For a database all if empty.

    Raises:
        UsageError: If the ending is not known, does not go with so many tables, or the format
            can't hold the rows.
        TableNotFoundError: If there is no such table.
        QueryError: If a table can't be read.
        MissingExtraError: If a library that the format needs is not installed.
    """
    if path.suffix.lower() == DATABASE:
        _write_database(kym, path, tables)
        return
    format_ = format_of(path, DATABASE)
    if len(tables) != 1:
        raise UsageError(
            f"a {path.suffix} file holds one table: name one; a {DATABASE} file holds many"
        )
    with atomic_path(path) as temporary, temporary.open("wb") as sink:
        rows = kym.sql_lazy(f"FROM {quoted(tables[0])}", tables=tables)
        write(rows, format_, sink)


def _write_database(kym: Queryable, path: Path, tables: Sequence[str]) -> None:
    import duckdb

    with (
        kym.connect(tables=tables or None) as session,
        atomic_path(path) as temporary,
        duckdb.connect(str(temporary)) as database,
    ):
        views = session.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
        for (name,) in views:
            rows = session.sql(f"FROM {quoted(name)}").to_arrow_reader()
            database.register("_rows", rows)
            database.execute(f"CREATE TABLE {quoted(name)} AS FROM _rows")
            database.unregister("_rows")
