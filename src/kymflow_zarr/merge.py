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
from kymflow_zarr.dtypes import common_dtype
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
        The counts of rows kept and added.

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
        kept = _mark_replaced(con, table, key)
        with _committing(table), atomic_path(table) as output, temporary_path(table) as bare:
            parquet.write(empty, bare)
            sources = [*parts, bare]
            schema = _duckdb_types(con, _united([*([table] if kept else []), *sources], table))
            written = _copy(con, table, sources, output, schema, merge=kept > 0)
            added = _rows_in(con, parts)
            if written != kept + added:
                raise CommitError(
                    f"{written} rows were written where {kept} old and {added} new ones were due; "
                    f"the table stands as it was: run the update again",
                    artifact=str(table),
                )
    return Merged(kept=kept, added=added)


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


def _mark_replaced(con: duckdb.DuckDBPyConnection, table: Path, key: str) -> int:
    """Mark the rows of the replaced keys and return how many others there are."""
    import duckdb

    if not table.exists():
        return 0
    try:
        rows = _rows_in(con, [table])
        if rows == 0:
            return 0
        mark = filled("engine/mark_replaced", key=quoted(key))
        con.execute(mark, {"table": duckdb_path(table), "last_row": rows - 1})
        marked = value(con, "SELECT bit_count(getvariable('replaced_rows'))")
    except duckdb.OutOfMemoryException as error:
        raise CommitError(
            f"memory ran out ({first_line(error)}); the table stands as it was: free some, and run "
            f"the update again",
            artifact=str(table),
        ) from error
    except duckdb.Error as error:
        raise parquet.unreadable(table, error) from error
    return rows - int(marked or 0)


def _rows_in(con: duckdb.DuckDBPyConnection, parts: Sequence[Path]) -> int:
    if not parts:
        return 0
    sql = "SELECT sum(num_rows) FROM parquet_file_metadata($parts)"
    return int(value(con, sql, {"parts": [duckdb_path(part) for part in parts]}))


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
    holes = {"added": _select_list(schema, "new", present)}
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
        holes["kept"] = _select_list(schema, "old", set(parquet.schema(table)))
        inputs["table"] = duckdb_path(table)
    return int(value(con, filled(name, **holes), inputs))


def _select_list(schema: Mapping[str, str], relation: str, present: set[str]) -> str:
    return ", ".join(
        f"CAST({f'{relation}.{quoted(name)}' if name in present else 'NULL'} AS {dtype})"
        f" AS {quoted(name)}"
        for name, dtype in schema.items()
    )


def _united(paths: Sequence[Path], table: Path) -> dict[str, pl.DataType]:
    """Return the type of every column of the files taken together."""
    import polars as pl

    united: dict[str, pl.DataType] = {}
    holders: dict[str, list[Path]] = {}
    for path in paths:
        for name, dtype in parquet.schema(path).items():
            before = united.setdefault(name, dtype)
            common = common_dtype(before, dtype)
            if common is None and _all_null([path], name):
                common = before
            if common is None and _all_null(holders[name], name):
                common = dtype
            if common is None:
                raise TableSchemaError(
                    f"column {name!r} holds {before} in the table's rows and {dtype} in the new "
                    f"ones, which have no common type; rename the column or rebuild the whole "
                    f'table with mode="replace". The table stands as it was',
                    artifact=str(table),
                )
            united[name] = common
            holders.setdefault(name, []).append(path)
    return {name: pl.String() if dtype == pl.Null else dtype for name, dtype in united.items()}


def _duckdb_types(
    con: duckdb.DuckDBPyConnection, schema: Mapping[str, pl.DataType]
) -> dict[str, str]:
    import polars as pl

    con.register("typed", pl.DataFrame(schema=schema))
    types = con.sql("FROM typed").types
    return {name: str(type_) for name, type_ in zip(schema, types, strict=True)}


def _all_null(paths: Sequence[Path], column: str) -> bool:
    import polars as pl

    counts = [parquet.scan(path).select(pl.col(column).count()).collect() for path in paths]
    return all(count.item() == 0 for count in counts)
