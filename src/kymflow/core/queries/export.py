"""Tables as files for other programs: one table in any format, or all of them in one database."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.formats import format_of, write
from kymflow.core.meanings import meaning_of
from kymflow.core.units import unit_of
from kymflow_zarr.duck import literal, quoted
from kymflow_zarr.errors import QueryError, UsageError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.files import atomic_path
from kymflow_zarr.store.targets import check_target

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

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
        write(_described(rows, tables[0]), format_, sink)


def _described(rows: pa.RecordBatchReader, table: str) -> pa.RecordBatchReader:
    """Put meaning and unit beside each column, where Parquet and Arrow files keep them."""
    import pyarrow as pa

    schema = pa.schema(
        [
            field.with_metadata(_told(table, field.name)) if _told(table, field.name) else field
            for field in rows.schema
        ]
    )
    described = (pa.RecordBatch.from_arrays(batch.columns, schema=schema) for batch in rows)
    return pa.RecordBatchReader.from_batches(schema, described)


def _told(table: str, column: str) -> dict[str, str]:
    found = {"description": meaning_of(table, column), "unit": unit_of(column)}
    return {name: text for name, text in found.items() if text}


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
                _comment(database, name)
            except duckdb.Error as error:
                why = _PINNED.sub(name, first_line(error))
                raise QueryError(f"table {name!r} can't be exported: {why}") from error
            database.unregister("_rows")


def _comment(database: duckdb.DuckDBPyConnection, table: str) -> None:
    """Have the database say what each column means, and in which unit it is."""
    for column in database.table(quoted(table)).columns:
        told = _told(table, column)
        unit = f" ({told['unit']})" if "unit" in told else ""
        if text := f"{told.get('description', '')}{unit}".strip():
            place = f"{quoted(table)}.{quoted(column)}"
            database.execute(f"COMMENT ON COLUMN {place} IS {literal(text)}")
