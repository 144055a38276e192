"""What tables a dataset has: rows, images, columns, size."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "table": pl.String,
    "rows": pl.Int64,
    "images": pl.Int64,
    "columns": pl.Int64,
    "bytes": pl.Int64,
    "updated_at": pl.Datetime("us", "UTC"),
}


def describe_tables(dataset: ZarrDataset) -> pl.DataFrame:
    """Describe every table of a dataset.

    Args:
        dataset: The dataset.

    Returns:
        Frame (table, rows, images, columns, bytes, updated_at UTC), a row a table.

    Raises:
        TableUnreadableError: If a table's file is damaged.
    """
    return pl.DataFrame(
        [_describe(dataset, name) for name in dataset.tables.names()], schema=_SCHEMA, orient="row"
    )


def _describe(dataset: ZarrDataset, name: str) -> tuple[object, ...]:
    rows = dataset.tables.scan(name)
    columns = rows.collect_schema().names()
    images = pl.col("image_id").n_unique() if "image_id" in columns else pl.lit(None)
    n_rows, n_images = rows.select(pl.len(), images.alias("images")).collect().row(0)
    file = dataset.tables.path(name).stat()
    changed = datetime.fromtimestamp(file.st_mtime, UTC)
    return name, n_rows, n_images, len(columns), file.st_size, changed
