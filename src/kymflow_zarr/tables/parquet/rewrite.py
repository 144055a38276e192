"""Rewrite one Parquet table: old rows less the replaced keys, plus the rows of staged files."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import render
from kymflow_zarr.duck import quoted, value
from kymflow_zarr.errors import CommitError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import atomic_path, sweep_temporaries, temporary_path
from kymflow_zarr.store.parquet import duckdb_path
from kymflow_zarr.tables.columns import duckdb_types, select_list, united
from kymflow_zarr.tables.commit import check_count, committing
from kymflow_zarr.tables.types import Change, Merged

if TYPE_CHECKING:
    import duckdb


def replace_rows(con: duckdb.DuckDBPyConnection, change: Change, file: Path) -> Merged:
    """Replace all rows of some keys in a table file, atomically.

    The new table is written beside the old one by one streaming DuckDB ``COPY``, its row count
    is checked, and it is renamed into place: a reader sees the old table or the new one.

    Args:
        con: A connection to work with.
        change: What to replace by what. The caller holds the lock of the table's writers.
        file: The table's file; it need not exist yet.

    Returns:
        The counts of rows kept, added and removed.

    Raises:
        TableSchemaError: If a column's types in old and new rows can't be reconciled.
        TableUnreadableError: If the old table is damaged.
        ReadError: If the system refuses to read it.
        CommitError: If the new table can't be written, or its rows are not the rows kept plus the
            rows new; the old table stands.
    """
    sweep_temporaries(file)
    con.register("replaced", change.replaced.select(key=change.key).unique())
    kept, removed = _mark_replaced(con, file, change.key)
    with (
        committing(change.table.name, file),
        atomic_path(file) as output,
        temporary_path(file) as bare,
    ):
        parquet.write(change.empty, bare)
        sources = [*change.parts, bare]
        old = [file] if kept else []
        held = [parquet.scan(path) for path in (*old, *sources)]
        schema = duckdb_types(con, united(held, file))
        written = _copy(con, file, sources, output, schema, merge=kept > 0)
        added = parquet.count_rows(con, change.parts)
        check_count(change.table.name, written, kept + added, file)
    return Merged(kept, added, removed)


def _mark_replaced(con: duckdb.DuckDBPyConnection, file: Path, key: str) -> tuple[int, int]:
    """Mark the rows of the replaced keys; return how many are kept and how many go."""
    import duckdb

    if not file.exists():
        return 0, 0
    try:
        rows = parquet.count_rows(con, [file])
        if rows == 0:
            return 0, 0
        mark = render("engine/mark_replaced", key=quoted(key))
        con.execute(mark, {"table": duckdb_path(file), "last_row": rows - 1})
        marked = int(value(con, "SELECT bit_count(getvariable('replaced_rows'))") or 0)
    except duckdb.OutOfMemoryException as error:
        raise CommitError(
            f"memory ran out ({first_line(error)}); the table stands as it was: free some, and run "
            f"the update again",
            artifact=str(file),
        ) from error
    except duckdb.Error as error:
        raise parquet.unreadable(file, error) from error
    return rows - marked, marked


def _copy(
    con: duckdb.DuckDBPyConnection,
    file: Path,
    sources: Sequence[Path],
    output: Path,
    schema: Mapping[str, str],
    *,
    merge: bool,
) -> int:
    present = {name for path in sources for name in parquet.schema(path)}
    fragments = {"added": select_list(schema, "new", present)}
    inputs: dict[str, object] = {
        "parts": [duckdb_path(path) for path in sources],
        "output": os.fspath(output),
    }
    if merge:
        name = "engine/replace_rows"
        fragments["kept"] = select_list(schema, "old", set(parquet.schema(file)))
        inputs["table"] = duckdb_path(file)
        con.execute("RESET threads")
    else:
        name = "engine/write_rows"
        # A whole build is bound by reading artifacts. One thread holds one row group in memory,
        # two hold a dozen, and gain half a second on two million rows.
        con.execute("SET threads = 1")
    return int(value(con, render(name, **fragments), inputs))
