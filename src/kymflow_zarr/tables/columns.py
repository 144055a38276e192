"""The columns of old and new rows united, and the SQL that casts rows to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import literal, quoted
from kymflow_zarr.errors import TableSchemaError
from kymflow_zarr.frames import common_dtype, named, survives
from kymflow_zarr.store import parquet

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def united(sources: Sequence[pl.LazyFrame], table: Path) -> dict[str, pl.DataType]:
    """Unite the columns of several sources of rows: each name with its common type.

    Args:
        sources: The rows, those of the table first.
        table: The table, for the error.

    Raises:
        TableSchemaError: If a column's types have no common one, or that one would change a value.
    """
    import polars as pl

    found: dict[str, pl.DataType] = {}
    holders: dict[str, list[tuple[pl.LazyFrame, pl.DataType]]] = {}
    for source in sources:
        for name, dtype in source.collect_schema().items():
            before = found.setdefault(name, dtype)
            holding = holders.setdefault(name, [])
            common = common_dtype(before, dtype)
            if common is None and _all_null(source, name):
                continue
            if common is None and all(_all_null(each, name) for each, _ in holding):
                common = dtype
                holding.clear()
            if common is None:
                raise _unlike(name, before, dtype, "which have no common type", table)
            found[name] = common
            holding.append((source, dtype))
    for name, holding in holders.items():
        for source, dtype in holding:
            if dtype != found[name] and not _survives(source, name, dtype, found[name]):
                why = "and the latter would change a value of the former"
                raise _unlike(name, dtype, found[name], why, table)
    return {name: pl.String() if dtype == pl.Null else dtype for name, dtype in found.items()}


def _unlike(
    name: str, one: pl.DataType, other: pl.DataType, why: str, table: Path
) -> TableSchemaError:
    return TableSchemaError(
        f"column {name!r} holds {one} in some rows and {other} in others, {why}; cast or rename "
        f'the column, or rebuild the whole table with mode="replace". The table is unchanged',
        artifact=str(table),
    )


def duckdb_types(
    con: duckdb.DuckDBPyConnection, schema: Mapping[str, pl.DataType]
) -> dict[str, str]:
    """Return the columns with their types as DuckDB names them."""
    import polars as pl

    con.register("typed", pl.DataFrame(schema=schema))
    types = con.sql("FROM typed").types
    return {name: str(type_) for name, type_ in zip(schema, types, strict=True)}


def fitting(old: Mapping[str, pl.DataType], schema: Mapping[str, pl.DataType]) -> set[str]:
    """Return the columns of old rows that can be brought to a schema; the others hold only nulls.

    Args:
        old: The types of the old rows' columns.
        schema: The answer of :func:`united` for these rows and others.
    """
    return {name for name, dtype in old.items() if common_dtype(dtype, schema[name]) is not None}


def select_list(schema: Mapping[str, str], relation: str, present: Collection[str]) -> str:
    """Write the SQL that selects columns with their types; missing ones are null."""
    return ", ".join(
        f"CAST({f'{relation}.{quoted(name)}' if name in present else 'NULL'} AS {dtype})"
        f" AS {quoted(name)}"
        for name, dtype in schema.items()
    )


def scan_new(rows: Sequence[Path] | pl.DataFrame) -> list[pl.LazyFrame]:
    """Return new rows as lazy frames, one per file."""
    import polars as pl

    if isinstance(rows, pl.DataFrame):
        return [rows.lazy()]
    return [parquet.scan(path) for path in rows]


def count_new(con: duckdb.DuckDBPyConnection, rows: Sequence[Path] | pl.DataFrame) -> int:
    """Return how many new rows there are."""
    import polars as pl

    return rows.height if isinstance(rows, pl.DataFrame) else parquet.count_rows(con, rows)


def new_source(con: duckdb.DuckDBPyConnection, rows: Sequence[Path] | pl.DataFrame) -> str:
    """Name the new rows, as SQL after ``FROM``.

    Args:
        con: The connection that will read them; it gets to know a frame as ``new_rows``.
        rows: A frame, or Parquet files whose columns are united by name.
    """
    import polars as pl

    if not isinstance(rows, pl.DataFrame):
        paths = ", ".join(literal(parquet.duckdb_path(path)) for path in rows)
        files = f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"
        return files if rows else "(SELECT 1 WHERE false)"
    con.register("new_rows", rows)
    return "new_rows"


def _all_null(source: pl.LazyFrame, column: str) -> bool:
    return bool(source.select(named(column).count() == 0).collect().item())


def _survives(source: pl.LazyFrame, column: str, dtype: pl.DataType, common: pl.DataType) -> bool:
    kept = survives(named(column), dtype, common)
    return bool(source.select(kept.all()).collect().item())
