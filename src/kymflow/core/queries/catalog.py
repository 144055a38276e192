"""What tables a dataset has, and what columns a table has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.indexer_base import table_name
from kymflow.core.kym_dataset.registry import available_indexers, load_indexer
from kymflow.core.queries.library import Parameter, named_queries
from kymflow.core.units import unit_of
from kymflow_sql import filled, statement
from kymflow_zarr.duck import quoted

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import KymDataset

TABLES_SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "rows": pl.Int64(),
        "images": pl.Int64(),
        "columns": pl.Int64(),
        "bytes": pl.Int64(),
        "updated_at": pl.Datetime("us", "UTC"),
        "stale": pl.Int64(),
    }
)
COLUMNS_SCHEMA = pl.Schema(
    {
        "column": pl.String(),
        "type": pl.String(),
        "unit": pl.String(),
        "nulls": pl.Int64(),
        "distinct": pl.Int64(),
        "min": pl.String(),
        "max": pl.String(),
    }
)


def describe_tables(kym: KymDataset, *, stale: bool = True) -> pl.DataFrame:
    """Describe every table of a dataset.

    Args:
        kym: The dataset's tables.
        stale: Whether to count stale images too, which reads every image's params (about a
            second for 100,000 images).

    Returns:
        Frame (table, rows, images, columns, bytes, updated_at UTC, stale), a row a table.
        ``stale`` counts the images that an update would make anew or prune; it is null for a
        table that belongs to no registered indexer, and where it was not asked for.

    Raises:
        TableUnreadableError: If a table's file is damaged.
    """
    counts = _stale_counts(kym) if stale else {}
    rows = [(*_describe(kym, name), counts.get(name)) for name in kym.dataset.tables.names()]
    return pl.DataFrame(rows, schema=TABLES_SCHEMA, orient="row")


def _describe(kym: KymDataset, name: str) -> tuple[object, ...]:
    tables = kym.dataset.tables
    rows = tables.scan(name)
    columns = rows.collect_schema().names()
    images = pl.col("image_id").n_unique() if "image_id" in columns else pl.lit(None)
    with tables.reading(name):
        n_rows, n_images = rows.select(pl.len(), images.alias("images")).collect().row(0)
    stat = tables.stat(name)
    return name, n_rows, n_images, len(columns), stat.size, stat.changed


def _stale_counts(kym: KymDataset) -> dict[str, int]:
    counts = {}
    for indexer in map(load_indexer, available_indexers()):
        if kym.dataset.tables.exists(table_name(indexer)):
            due = kym.staleness(indexer).filter(pl.col("action") != "skip")
            counts[table_name(indexer)] = due.height
    return counts


def list_columns(kym: KymDataset) -> pl.DataFrame:
    """Return every column of every view that SQL sees.

    Returns:
        Frame (table, column, type as SQL names it).

    Raises:
        QueryError: If a table can't be read.
    """
    return kym.sql(statement("catalog/columns"))


def describe_columns(kym: KymDataset, table: str) -> pl.DataFrame:
    """Describe every column of a table or another view of the session.

    Args:
        kym: The dataset's tables.
        table: A table, ledger or params view, as SQL names it.

    Returns:
        Frame (column, type as SQL names it, unit or null, nulls, distinct, min, max), a row a
        column. ``distinct`` is an estimate; ``min`` and ``max`` are texts, null for nested types.

    Raises:
        QueryError: If there is no such table.
    """
    columns = kym.sql(f"DESCRIBE {quoted(table)}")
    profile = filled("catalog/profile", table=quoted(table))
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
