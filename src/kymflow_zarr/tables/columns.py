"""The columns of old and new rows united, and the SQL that casts rows to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import literal, quoted
from kymflow_zarr.errors import TableSchemaError
from kymflow_zarr.frames import common_dtype
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
        TableSchemaError: If a column's types have no common one.
    """
    import polars as pl

    found: dict[str, pl.DataType] = {}
    holders: dict[str, list[pl.LazyFrame]] = {}
    for source in sources:
        for name, dtype in source.collect_schema().items():
            before = found.setdefault(name, dtype)
            common = common_dtype(before, dtype)
            if common is None and _all_null([source], name):
                common = before
            if common is None and _all_null(holders[name], name):
                common = dtype
            if common is None:
                raise TableSchemaError(
                    f"column {name!r} holds {before} in the table's rows and {dtype} in the new "
                    f"ones, which have no common type; rename the column or rebuild the whole "
                    f'table with mode="replace". The table is unchanged',
                    artifact=str(table),
                )
            found[name] = common
            holders.setdefault(name, []).append(source)
    return {name: pl.String() if dtype == pl.Null else dtype for name, dtype in found.items()}


def duckdb_types(
    con: duckdb.DuckDBPyConnection, schema: Mapping[str, pl.DataType]
) -> dict[str, str]:
    """Return the columns with their types as DuckDB names them."""
    import polars as pl

    con.register("typed", pl.DataFrame(schema=schema))
    types = con.sql("FROM typed").types
    return {name: str(type_) for name, type_ in zip(schema, types, strict=True)}


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
    """Return what stands for new rows after ``FROM``.

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


def _all_null(sources: Sequence[pl.LazyFrame], column: str) -> bool:
    import polars as pl

    counts = [source.select(pl.col(column).count()).collect() for source in sources]
    return all(count.item() == 0 for count in counts)
