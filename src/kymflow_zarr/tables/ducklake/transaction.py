"""Change a lake: all or nothing, with row counts checked before it shows."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_sql import render, statement
from kymflow_zarr.duck import literal, quoted, value
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import flush
from kymflow_zarr.tables.columns import duckdb_types, select_list, united
from kymflow_zarr.tables.commit import check_count, committing
from kymflow_zarr.tables.ducklake.catalog import LAKE, Catalog
from kymflow_zarr.tables.ducklake.snapshot import schema_of, target
from kymflow_zarr.tables.types import Change, Merged, TableKey

if TYPE_CHECKING:
    import duckdb

_TRIES = 10


def transact(
    catalog: Catalog,
    table: TableKey | None,
    note: str,
    work: Callable[[duckdb.DuckDBPyConnection], list[Merged]],
) -> list[Merged]:
    """Do some work on a lake in one transaction, which leaves one snapshot.

    Args:
        catalog: The lake's catalog.
        table: The table concerned, the first to be changed; None stands for all of them.
        note: What is done, for the history.
        work: Changes the lake, and returns what that did to the rows, the table's first; it is
            done again where another writer of the same files was faster.

    Raises:
        CommitError: If it can't be done; the lake stands as it was.
    """
    import duckdb

    for left in reversed(range(_TRIES)):
        before = _files(catalog)
        with committing(table.name if table else "all"):
            try:
                with catalog.writing() as con:
                    con.execute("BEGIN")
                    done = work(con)
                    _leave_note(con, table, note, done)
                    for file in _files(catalog) - before:
                        flush(Path(file))
                    con.execute("COMMIT")
                    return done
            except duckdb.TransactionException:
                if not left:
                    raise
    raise AssertionError("unreachable")


def apply(con: duckdb.DuckDBPyConnection, change: Change, place: Path) -> Merged:
    """Replace the rows of some keys, within a transaction.

    Args:
        con: A connection that changes the lake.
        change: What to replace by what.
        place: The table's place, for errors.

    Raises:
        TableSchemaError: If a column's types can't be reconciled.
        CommitError: If the table would not hold the rows kept and the rows new.
    """
    table = target(change.table)
    old = _types(con, change.table)
    before = _count(con, table) if old else 0
    removed = _delete(con, change, table) if old else 0
    kept = before - removed
    added = parquet.count_rows(con, change.parts)
    parts = [parquet.scan(part) for part in change.parts]
    standing = [con.table(table).pl(lazy=True)] if kept else []
    schema = duckdb_types(con, united([*standing, *parts, change.empty.lazy()], place))
    rows = _new_rows(schema, change.parts, {n for part in parts for n in part.collect_schema()})
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
    """Make a table of some rows, in place of the one of its name if there is one.

    Args:
        con: A connection that changes the lake.
        table: The table.
        rows: SQL that returns the rows.
    """
    _keep_order(con)
    con.execute(f"CREATE SCHEMA IF NOT EXISTS {LAKE}.{quoted(schema_of(table))}")
    con.execute(f"CREATE OR REPLACE TABLE {target(table)} AS {rows}")


def count(con: duckdb.DuckDBPyConnection, table: TableKey) -> int:
    """Return how many rows a table has; none where there is no such table."""
    return _count(con, target(table)) if _types(con, table) else 0


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    return int(value(con, f"SELECT count(*) FROM {table}"))


def _types(con: duckdb.DuckDBPyConnection, table: TableKey) -> dict[str, str]:
    """Return a table's columns with their types; nothing where there is no such table."""
    import duckdb

    try:  # duckdb_columns() would take 20 ms, to bind all of DuckDB's own views
        found = con.table(target(table))
    except duckdb.CatalogException:
        return {}
    return {name: str(type_) for name, type_ in zip(found.columns, found.types, strict=True)}


def _delete(con: duckdb.DuckDBPyConnection, change: Change, table: str) -> int:
    """Delete the rows of the replaced keys and return how many there were."""
    keys = change.replaced.select(key=change.key).unique()
    if keys.is_empty():
        return 0
    con.register("replaced", keys)
    column = quoted(change.key)
    nulls = f" OR {column} IS NULL" if keys["key"].null_count() else ""
    return int(value(con, f"DELETE FROM {table} WHERE {column} IN (FROM replaced){nulls}"))


def _new_rows(schema: Mapping[str, str], parts: Sequence[Path], present: Collection[str]) -> str:
    """Return the SQL that reads the new rows in the table's form."""
    columns = select_list(schema, "new", present)
    if not parts:
        return f"SELECT {columns} WHERE false"
    paths = ", ".join(literal(parquet.duckdb_path(part)) for part in parts)
    read: str = render("lake/new_rows", columns=columns, parts=f"[{paths}]")
    return read


def _keep_order(con: duckdb.DuckDBPyConnection) -> None:
    """Have rows written as they come: several threads would mix those of one image with others'."""
    con.execute("SET threads = 1")


def _leave_note(
    con: duckdb.DuckDBPyConnection, table: TableKey | None, note: str, done: Sequence[Merged]
) -> None:
    """Say in the history who did what; counts are of a table's own rows."""
    counts = asdict(done[0]) if done and table and table.sidecar is None else {}
    extra = json.dumps({"table": table and table.name, **counts})
    inputs = {"author": _author(), "note": note, "extra": extra}
    con.execute(statement("lake/leave_note"), inputs).fetchall()


def _author() -> str:
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return "unknown"


def _files(catalog: Catalog) -> set[str]:
    return {
        os.path.join(folder, name) for folder, _, names in os.walk(catalog.data) for name in names
    }
