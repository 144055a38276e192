"""What columns a table has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.meanings import meaning_of
from kymflow.core.queries.library import Parameter, named_queries
from kymflow.core.units import unit_of
from kymflow_sql import render, statement
from kymflow_zarr.duck import quoted

if TYPE_CHECKING:
    from kymflow_zarr.sql.queryable import Queryable

COLUMNS_SCHEMA = pl.Schema(
    {
        "column": pl.String(),
        "type": pl.String(),
        "unit": pl.String(),
        "nulls": pl.Int64(),
        "distinct": pl.Int64(),
        "min": pl.String(),
        "max": pl.String(),
        "meaning": pl.String(),
    }
)


def list_columns(kym: Queryable, *, timeout: float | None = None) -> pl.DataFrame:
    """Return every column of every view that SQL sees.

    Args:
        kym: The dataset's tables.
        timeout: As for :meth:`Queryable.sql`.

    Returns:
        Frame (table, column, type as SQL names it).

    Raises:
        QueryError: If a table can't be read.
    """
    return kym.sql(statement("catalog/columns"), timeout=timeout)


def describe_columns(kym: Queryable, table: str) -> pl.DataFrame:
    """Describe every column of a table or another view of the session.

    Args:
        kym: The dataset's tables.
        table: A table or another view, as SQL names it.

    Returns:
        Frame (column, type as SQL names it, unit or null, nulls, distinct, min, max, meaning), one
        row per column. ``distinct`` is an estimate; ``min`` and ``max`` are texts, null for nested
        types; ``meaning`` is null for columns that kymflow did not make.

    Raises:
        QueryError: If there is no such table.
    """
    columns = kym.sql(f"DESCRIBE {quoted(table)}")
    profile = render("catalog/profile", table=quoted(table))
    n_rows, *values = kym.sql(profile).row(0)
    size = columns.height
    counts, distinct, least, most = (values[n * size : (n + 1) * size] for n in range(4))
    nested = columns["column_type"].str.contains(r"[\[(]")
    return pl.DataFrame(
        {
            "column": columns["column_name"],
            "type": columns["column_type"],
            "unit": [unit_of(name) for name in columns["column_name"]],
            "nulls": [n_rows - count for count in counts],
            "distinct": distinct,
            "min": pl.Series(least, dtype=pl.String),
            "max": pl.Series(most, dtype=pl.String),
            "meaning": [meaning_of(table, name) for name in columns["column_name"]],
        },
        schema=COLUMNS_SCHEMA,
    ).with_columns(pl.when(~nested).then("min"), pl.when(~nested).then("max"))


def describe_queries() -> pl.DataFrame:
    """Describe every named query.

    Returns:
        Frame (query, answers, parameters), a row a query; a parameter stands with its default.
    """
    rows = [
        (query.name, query.summary, ", ".join(map(_with_default, query.parameters)))
        for query in named_queries()
    ]
    return pl.DataFrame(rows, schema=["query", "answers", "parameters"], orient="row")


def _with_default(parameter: Parameter) -> str:
    if parameter.default is None:
        return parameter.name
    default = str(parameter.default)
    return f"{parameter.name}={default.lower() if parameter.kind == 'boolean' else default}"
