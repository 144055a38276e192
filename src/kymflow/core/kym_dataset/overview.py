"""What tables a dataset has, how large and how fresh they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.indexers.base import table_name
from kymflow.core.kym_dataset.indexers.registry import available_indexers, load_indexer

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


def describe_tables(kym: KymDataset, *, stale: bool = True) -> pl.DataFrame:
    """Describe every table of a dataset.

    Args:
        kym: The dataset's tables.
        stale: Whether to count stale images too, which reads every image's params (about a
            second for 100,000 images).

    Returns:
        Frame (table, rows, images, columns, bytes, updated_at UTC, stale), a row a table.
        ``stale`` counts the images that an update would make again or prune; it is null for a
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
