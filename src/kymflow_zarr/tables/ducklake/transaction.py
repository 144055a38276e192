"""Change a lake in one transaction, with row counts checked before it is committed."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import render
from kymflow_zarr.duck import literal, quoted, value
from kymflow_zarr.store.files import flush
from kymflow_zarr.tables.columns import (
    count_new,
    duckdb_types,
    new_source,
    scan_new,
    select_list,
    united,
)
from kymflow_zarr.tables.commit import check_count, committing
from kymflow_zarr.tables.ducklake.catalog import LAKE, Catalog
from kymflow_zarr.tables.ducklake.notes import FOR_TABLE, PARTIAL
from kymflow_zarr.tables.ducklake.snapshot import schema_of, target
from kymflow_zarr.tables.types import Change, Merged, TableKey

if TYPE_CHECKING:
    import duckdb

_TRIES = 10
_LEAVE_NOTE = "CALL ducklake_set_commit_message('lake', $author, $note, extra_info => $extra)"


def transact(
    catalog: Catalog,
    table: TableKey | None,
    note: str,
    work: Callable[[duckdb.DuckDBPyConnection], list[Merged]],
) -> list[Merged]:
    """Do some work on a lake in one transaction, which leaves one snapshot.

    Args:
        catalog: The lake's catalog.
        table: The table concerned, the first to be changed; None: all of them.
        note: What is done, for the history.
        work: Changes the lake and returns the counts of rows, the table's first; it is repeated
            if another writer changed the same files first.

    Raises:
        CommitError: If it fails; the lake is unchanged.
    """
    import duckdb

    with committing(table.name if table else "all"):
        for _ in range(_TRIES - 1):
            with suppress(duckdb.TransactionException):  # another writer was faster
                done = _attempt(catalog, table, note, work)
                break
        else:
            done = _attempt(catalog, table, note, work)
    return done


def apply(con: duckdb.DuckDBPyConnection, change: Change, place: Path) -> Merged:
    """Replace the rows of some keys, within a transaction.

    Args:
        con: A connection that changes the lake.
        change: What to replace by what.
        place: The table's folder, for errors.

    Raises:
        TableSchemaError: If a column's types can't be reconciled.
        CommitError: If the table would not hold the rows kept and the rows new.
    """
    table = target(change.table)
    old = _types(con, change.table)
    before = _count(con, table) if old else 0
    removed = _delete(con, change, table) if old else 0
    kept = before - removed
    added = count_new(con, change.rows)
    new = scan_new(change.rows)
    standing = [con.table(table).pl(lazy=True)] if kept else []
    schema = duckdb_types(con, united([*standing, *new, change.empty.lazy()], place))
    present = {name for source in new for name in source.collect_schema()}
    rows = render(
        "ducklake/new_rows",
        columns=select_list(schema, "new", present),
        rows=new_source(con, change.rows),
    )
    if not kept:
        create(con, change.table, rows)
    elif any(schema[name] != dtype for name, dtype in old.items()):
        standing_rows = f"SELECT {select_list(schema, 'old', old)} FROM {table} AS old"
        create(con, change.table, f"{standing_rows} UNION ALL BY NAME {rows}")
    else:
        for name in (name for name in schema if name not in old):
            con.execute(f"ALTER TABLE {table} ADD COLUMN {quoted(name)} {schema[name]}")
        if added:
            _keep_order(con)
            con.execute(f"INSERT INTO {table} BY NAME {rows}")
    check_count(change.table.name, _count(con, table), kept + added)
    return Merged(kept, added, removed)


def create(con: duckdb.DuckDBPyConnection, table: TableKey, rows: str) -> None:
    """Make a table of some rows, in place of any of its name.

    Args:
        con: A connection that changes the lake.
        table: The table.
        rows: SQL that returns the rows.
    """
    _keep_order(con)
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE}.{quoted(schema_of(table))}")
    con.execute(f"CREATE OR REPLACE TABLE {target(table)} AS {rows}")


def count(con: duckdb.DuckDBPyConnection, table: TableKey) -> int:
    """Count the rows of a table; 0 if there is no such table."""
    return _count(con, target(table)) if _types(con, table) else 0


def _attempt(
    catalog: Catalog,
    table: TableKey | None,
    note: str,
    work: Callable[[duckdb.DuckDBPyConnection], list[Merged]],
) -> list[Merged]:
    before = set(files_in(catalog.data))
    with catalog.writing() as con:
        con.execute("BEGIN")
        done = work(con)
        _leave_note(con, table, note, done)
        for file in set(files_in(catalog.data)) - before:
            flush(file)
        con.execute("COMMIT")
    return done


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(value(con, f"SELECT count(*) FROM {table}"))


def _types(con: duckdb.DuckDBPyConnection, table: TableKey) -> dict[str, str]:
    """Return a table's columns with their types; empty if there is no such table."""
    import duckdb

    try:  # duckdb_columns() would take 20 ms, to bind all of DuckDB's own views
        found = con.table(target(table))
    except duckdb.CatalogException:
        return {}
    return {name: str(type_) for name, type_ in zip(found.columns, found.types, strict=True)}


def _delete(con: duckdb.DuckDBPyConnection, change: Change, table: str) -> int:
    """Delete the rows of the replaced keys; return how many."""
    keys = change.replaced.select(key=change.key).unique()
    if keys.is_empty():
        return 0
    con.register("replaced", keys)
    column = quoted(change.key)
    nulls = f" OR {column} IS NULL" if keys["key"].null_count() else ""
    return int(value(con, f"DELETE FROM {table} WHERE {column} IN (FROM replaced){nulls}"))


def _keep_order(con: duckdb.DuckDBPyConnection) -> None:
    """Write rows in order: several threads would mix the rows of one image with others'."""
    con.execute("SET threads = 1")


def _leave_note(
    con: duckdb.DuckDBPyConnection, table: TableKey | None, note: str, done: Sequence[Merged]
) -> None:
    """Record in the history who did what; counts are of a table's own rows."""
    counts = asdict(done[0]) if done and table and table.sidecar is None else {}
    extra = json.dumps({"table": table and table.name, **counts})
    inputs = {"author": _author(), "note": note, "extra": extra}
    con.execute(_LEAVE_NOTE, inputs).fetchall()


def _author() -> str:
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "unknown"


def mark_sidecar(con: duckdb.DuckDBPyConnection, table: TableKey, *, for_table: bool) -> None:
    """Note on a sidecar whether it is for its table as it is now, as a change of its own.

    Args:
        con: A connection that changes the lake.
        table: The sidecar; nothing is done if it is not there.
        for_table: Whether it is.
    """
    if _types(con, table):
        comment = literal(FOR_TABLE if for_table else PARTIAL)
        con.execute(f"COMMENT ON TABLE {target(table)} IS {comment}")


def files_in(folder: str) -> list[Path]:
    """List all files in a folder, however deep; links to folders are not followed."""
    return [
        Path(found, name)
        for found, _, names in os.walk(folder, followlinks=False)
        for name in names
    ]
