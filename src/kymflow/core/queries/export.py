"""Tables as files for other programs: one table in any format, or all of them in one database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.formats import format_of, write
from kymflow_zarr.duck import quoted
from kymflow_zarr.errors import QueryError, UsageError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.files import atomic_path
from kymflow_zarr.store.targets import check_target

if TYPE_CHECKING:
    from kymflow_zarr.sql.queryable import Queryable

DATABASE = ".duckdb"
_PINNED = re.compile(r'"open://\d+"')  # as a session calls its files


def export(kym: Queryable, path: Path, tables: Sequence[str] = ()) -> None:
    """Write tables to a file, in one step: a failure leaves none.

    Args:
        kym: The dataset's tables.
        path: Its ending decides. ``.duckdb`` is a database of many tables, each a copy of the
            view of that name, so that queries run in it as they do here; the endings of
            ``kymflow.core.formats`` hold one table.
        tables: Views of the SQL session, tables among them. For a database all if empty.

    Raises:
        UsageError: If the ending is not known, does not go with so many tables, the format
            can't hold the rows, or the file may not be written over; see
            :func:`~kymflow_zarr.store.targets.check_target`.
        TableNotFoundError: If there is no such table.
        QueryError: If a table can't be read.
        MissingExtraError: If a library that the format needs is not installed.
    """
    check_target(path)
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
            try:
                database.register("_rows", session.sql(f"FROM {quoted(name)}").to_arrow_reader())
                database.execute(f"CREATE TABLE {quoted(name)} AS FROM _rows")
            except duckdb.Error as error:
                why = _PINNED.sub(name, first_line(error))
                raise QueryError(f"table {name!r} can't be exported: {why}") from error
            database.unregister("_rows")
