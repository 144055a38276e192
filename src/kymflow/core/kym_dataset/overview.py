"""What tables a dataset has, how large and how fresh they are."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.indexers.base import Indexer, table_name
from kymflow.core.kym_dataset.indexers.registry import available_indexers, load_indexer
from kymflow.core.wording import counted

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


_SHOWN_AT_ONCE = 20_000
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


def describe_tables(
    dataset: ZarrDataset, staleness: Callable[[Indexer], pl.DataFrame] | None = None
) -> pl.DataFrame:
    """Describe every table of a dataset.

    Args:
        dataset: The dataset.
        staleness: Tells what an update of an indexer would do, as ``KymDataset.staleness`` does
            (about a second for 100,000 images); None not to ask.

    Returns:
        Frame (table, rows, images, columns, bytes, updated_at UTC, stale), one row per table.
        ``stale`` counts the images that an update would make again or prune; it is null for a
        table that belongs to no registered indexer, and where it was not asked for.

    Raises:
        TableUnreadableError: If a table's file is damaged.
    """
    counts = {} if staleness is None else _stale_counts(dataset, staleness)
    rows = [(*_describe(dataset, name), counts.get(name)) for name in dataset.tables.names()]
    return pl.DataFrame(rows, schema=TABLES_SCHEMA, orient="row")


def show_tables(dataset: ZarrDataset, staleness: Callable[[Indexer], pl.DataFrame]) -> str:
    """Describe a dataset and its tables as HTML, as notebooks show it.

    Stale images are counted where there are up to 20,000 images, so that it takes no longer than
    a moment.
    """
    images = len(dataset)
    tables = describe_tables(dataset, staleness if images <= _SHOWN_AT_ONCE else None)
    many = counted(images, "image")
    head = f"<p><b>{escape(str(dataset.path))}</b>: {many}</p>"
    if tables.is_empty():
        return f"{head}<p>No tables yet: <code>update_index</code> makes them.</p>"
    with pl.Config(tbl_hide_dataframe_shape=True, tbl_rows=-1):
        return head + tables.drop("bytes")._repr_html_()


def count_reasons(verdicts: pl.DataFrame) -> pl.DataFrame:
    """Return how many images and rows there are of each action and reason."""
    rows = pl.when(pl.col("n_rows").count() > 0).then(pl.col("n_rows").sum())
    counts = verdicts.group_by("action", "reason").agg(images=pl.len(), rows=rows)
    return counts.sort("action", "images", "reason", descending=[False, True, False])


def label_step(step: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Put in front of a frame which step it is about."""
    return frame.select(pl.lit(step).alias("step"), pl.all())


def _describe(dataset: ZarrDataset, name: str) -> tuple[object, ...]:
    tables = dataset.tables
    rows = tables.scan(name)
    columns = rows.collect_schema().names()
    images = pl.col("image_id").n_unique() if "image_id" in columns else pl.lit(None)
    with tables.reading(name):
        n_rows, n_images = rows.select(pl.len(), images.alias("images")).collect().row(0)
    stat = tables.stat(name)
    return name, n_rows, n_images, len(columns), stat.size, stat.changed


def _stale_counts(
    dataset: ZarrDataset, staleness: Callable[[Indexer], pl.DataFrame]
) -> dict[str, int]:
    counts = {}
    for indexer in map(load_indexer, available_indexers()):
        if dataset.tables.exists(table_name(indexer)):
            due = staleness(indexer).filter(pl.col("action") != "skip")
            counts[table_name(indexer)] = due.height
    return counts
