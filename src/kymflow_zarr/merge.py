"""Rewrite one Parquet table: old rows less the replaced keys, plus the rows of staged files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import filled
from kymflow_zarr import parquet
from kymflow_zarr.backend import Merged
from kymflow_zarr.columns import duckdb_types, select_list, united
from kymflow_zarr.duck import engine_connection, quoted, value
from kymflow_zarr.errors import (
    CommitError,
    TableSchemaError,
    UsageError,
    WriteError,
    first_line,
    reason,
)
from kymflow_zarr.files import atomic_path, sweep_temporaries, temporary_path
from kymflow_zarr.parquet import duckdb_path

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def replace_rows(
    table: Path,
    *,
    key: str,
    replaced: pl.DataFrame,
    parts: Sequence[Path],
    empty: pl.DataFrame,
) -> Merged:
    """Replace all rows of some keys in a table file, atomically.

    The new table is written beside the old one by one streaming DuckDB ``COPY``, its row count
    is checked, and it is renamed into place: a reader sees the old table or the new one.

    Args:
        table: The table's file; it need not exist yet. The caller holds the lock of its writers.
        key: The column that tells which rows belong together.
        replaced: Frame whose one column ``key`` lists the keys whose old rows go.
        parts: Parquet files holding the new rows; columns are united by name.
        empty: Zero-row frame naming columns that the table always has, with their dtypes.

    Returns:
        The counts of rows kept, added and removed.

    Raises:
        TableSchemaError: If a column's types in old and new rows can't be reconciled.
        TableUnreadableError: If the old table is damaged.
        ReadError: If the system refuses to read it.
        CommitError: If the new table can't be written, or its rows are not the rows kept plus the
            rows new; the old table stands.
    """
    sweep_temporaries(table)
    with engine_connection(table.parent) as con:
        con.register("replaced", replaced.select(key=key).unique())
        kept, removed = _mark_replaced(con, table, key)
        with _committing(table), atomic_path(table) as output, temporary_path(table) as bare:
            parquet.write(empty, bare)
            sources = [*parts, bare]
            old = [table] if kept else []
            held = [parquet.scan(path) for path in (*old, *sources)]
            schema = duckdb_types(con, united(held, table))
            written = _copy(con, table, sources, output, schema, merge=kept > 0)
            added = parquet.count_rows(con, parts)
            if written != kept + added:
                raise CommitError(
                    f"{written} rows were written where {kept} old and {added} new ones were due; "
                    f"the table stands as it was: run the update again",
                    artifact=str(table),
                )
    return Merged(kept, added, removed)


@contextmanager
def _committing(table: Path) -> Iterator[None]:
    """Turn what DuckDB, Polars or the system refuse within the block into one error."""
    import duckdb

    refusals: tuple[type[BaseException], ...] = (duckdb.Error, *parquet.read_errors())
    try:
        yield
    except (CommitError, TableSchemaError, UsageError):
        raise
    except refusals as error:
        why = reason((isinstance(error, WriteError) and error.__cause__) or error)
        raise CommitError(
            f"the new {table.name} can't be written ({why}); the old one stands as it was: see to "
            f"disk space, memory and permissions, and run the update again",
            artifact=str(table),
        ) from error


def _mark_replaced(con: duckdb.DuckDBPyConnection, table: Path, key: str) -> tuple[int, int]:
    """Mark the rows of the replaced keys; return how many are kept and how many go."""
    import duckdb

    if not table.exists():
        return 0, 0
    try:
        rows = parquet.count_rows(con, [table])
        if rows == 0:
            return 0, 0
        mark = filled("engine/mark_replaced", key=quoted(key))
        con.execute(mark, {"table": duckdb_path(table), "last_row": rows - 1})
        marked = int(value(con, "SELECT bit_count(getvariable('replaced_rows'))") or 0)
    except duckdb.OutOfMemoryException as error:
        raise CommitError(
            f"memory ran out ({first_line(error)}); the table stands as it was: free some, and run "
            f"the update again",
            artifact=str(table),
        ) from error
    except duckdb.Error as error:
        raise parquet.unreadable(table, error) from error
    return rows - marked, marked


def _copy(
    con: duckdb.DuckDBPyConnection,
    table: Path,
    sources: Sequence[Path],
    output: Path,
    schema: Mapping[str, str],
    *,
    merge: bool,
) -> int:
    present = {name for path in sources for name in parquet.schema(path)}
    holes = {"added": select_list(schema, "new", present)}
    inputs: dict[str, object] = {
        "parts": [duckdb_path(path) for path in sources],
        "output": os.fspath(output),
    }
    if not merge:
        name = "engine/write_rows"
        # A whole build is bound by reading artifacts. One thread holds one row group in memory,
        # two hold a dozen, and gain half a second on two million rows.
        con.execute("SET threads = 1")
    else:
        name = "engine/replace_rows"
        holes["kept"] = select_list(schema, "old", set(parquet.schema(table)))
        inputs["table"] = duckdb_path(table)
    return int(value(con, filled(name, **holes), inputs))
