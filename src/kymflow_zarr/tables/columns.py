"""The columns of old and new rows taken together, and the SQL that brings rows into that form."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import quoted
from kymflow_zarr.errors import TableSchemaError
from kymflow_zarr.frames import common_dtype

if TYPE_CHECKING:
    import duckdb
    import polars as pl


def united(sources: Sequence[pl.LazyFrame], table: Path) -> dict[str, pl.DataType]:
    """Return the type of every column of some rows taken together.

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
                    f'table with mode="replace". The table stands as it was',
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
    """Return the SQL that selects columns with their types; those not present are null."""
    return ", ".join(
        f"CAST({f'{relation}.{quoted(name)}' if name in present else 'NULL'} AS {dtype})"
        f" AS {quoted(name)}"
        for name, dtype in schema.items()
    )


def _all_null(sources: Sequence[pl.LazyFrame], column: str) -> bool:
    import polars as pl

    counts = [source.select(pl.col(column).count()).collect() for source in sources]
    return all(count.item() == 0 for count in counts)
