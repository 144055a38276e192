"""Rewrite one Parquet table: old rows less the replaced keys, plus the new rows."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import render
from kymflow_zarr.duck import literal, quoted, value
from kymflow_zarr.errors import CommitError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import NO_FILE, atomic_path, sweep_temporaries
from kymflow_zarr.store.parquet import duckdb_path
from kymflow_zarr.tables.columns import (
    count_new,
    duckdb_types,
    fitting,
    new_source,
    scan_new,
    select_list,
    united,
)
from kymflow_zarr.tables.commit import check_count, committing
from kymflow_zarr.tables.types import Change, Merged

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def replace_rows(
    con: duckdb.DuckDBPyConnection,
    change: Change,
    file: Path,
    metadata: Mapping[str, str] | None = None,
) -> Merged:
    """Replace all rows of some keys in a table file, atomically.

    The new table is written beside the old one by one streaming DuckDB ``COPY``, its row count
    is checked, and it is renamed into place: a reader sees the old table or the new one.

    Args:
        con: A connection to work with.
        change: What to replace by what. The caller holds the lock of the table's writers.
        file: The table's file; it need not exist yet.
        metadata: Texts to keep in the file's footer, by name.

    Returns:
        The counts of rows kept, added and removed.

    Raises:
        TableSchemaError: If a column's types in old and new rows can't be reconciled.
        TableUnreadableError: If the old table is damaged.
        ReadError: If the system refuses to read it.
        CommitError: If the new table can't be written, or its rows are not the rows kept plus the
            rows new; the old table is unchanged.
    """
    sweep_temporaries(file)
    con.register("replaced", change.replaced.select(key=change.key).unique())
    kept, removed = _mark_replaced(con, file, change.key)
    with committing(change.table.name, file), atomic_path(file) as output:
        old = parquet.scan(file) if kept else None
        written = _copy(con, file, change, old, output, metadata or {})
        added = count_new(con, change.rows)
        check_count(change.table.name, written, kept + added, file)
    return Merged(kept, added, removed)


def _kept_rows(old: pl.LazyFrame, change: Change) -> pl.LazyFrame:
    """Return the table's rows that stay: what the others hold does not bind a column's type."""
    gone = change.replaced.lazy().select(change.key)
    return old.join(gone, on=change.key, how="anti", nulls_equal=True)


def _mark_replaced(con: duckdb.DuckDBPyConnection, file: Path, key: str) -> tuple[int, int]:
    """Mark the rows of the replaced keys; return how many are kept and how many go."""
    import duckdb

    if not file.exists():
        return 0, 0
    if not file.is_file():
        raise parquet.unreadable(file, OSError(errno.EINVAL, NO_FILE))
    try:
        rows = parquet.count_rows(con, [file])
        if rows == 0:
            return 0, 0
        mark = render("tables/mark_replaced", key=quoted(key))
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
    change: Change,
    old: pl.LazyFrame | None,
    output: Path,
    metadata: Mapping[str, str],
) -> int:
    """Write the rows kept, of the old ones if there are any, and the new ones; count them."""
    new = scan_new(change.rows)
    standing = [] if old is None else [_kept_rows(old, change)]
    whole = united([*standing, *new, change.empty.lazy()], file)
    schema = duckdb_types(con, whole)
    present = {name for source in new for name in source.collect_schema()}
    fragments = {
        "added": select_list(schema, "new", present),
        "new_rows": new_source(con, change.rows),
        "options": _options(metadata),
    }
    inputs: dict[str, object] = {"output": os.fspath(output)}
    if old is not None:
        name = "tables/replace_rows"
        fragments["kept"] = select_list(schema, "old", fitting(old.collect_schema(), whole))
        inputs["table"] = duckdb_path(file)
        con.execute("RESET threads")
    else:
        name = "tables/write_rows"
        # A whole build waits for artifacts. One thread holds one row group in memory (90 MB for two
        # million rows), two hold a dozen (320 MB), and save 0.2 s.
        con.execute("SET threads = 1")
    return int(value(con, render(name, **fragments), inputs))


def _options(metadata: Mapping[str, str]) -> str:
    kept = ", ".join(f"{quoted(name)}: {literal(text)}" for name, text in metadata.items())
    return f", KV_METADATA {{{kept}}}" if kept else ""
