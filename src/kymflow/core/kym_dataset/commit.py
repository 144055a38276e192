"""Step 4, commit: replace the table in one atomic step, then the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow.core.kym_dataset.staging import Part, Staging
from kymflow_zarr import parquet

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def commit(
    dataset: ZarrDataset,
    table: str,
    ledger: Ledger,
    staging: Staging,
    *,
    parts: Sequence[Part],
    gone: Sequence[str | None],
    failed: pl.DataFrame,
) -> None:
    """Put staged rows in place of the old ones, and record the runs.

    Args:
        dataset: The dataset.
        table: The table's name.
        ledger: The table's ledger.
        staging: Where the parts lie; cleared at the end.
        parts: The staged parts.
        gone: Images whose rows and runs go because they are no longer in the dataset; None
            stands for rows that name no image.
        failed: Ledger rows of the images that could not be indexed; their table rows stand.

    Raises:
        TableSchemaError: If a column's types can't be reconciled; the table stands as it was.
        CommitError: If the row counts don't add up; the table stands as it was.
    """
    runs = [part.runs for part in parts]
    with dataset.tables.lock(table):
        gone = [image_id for image_id in gone if not (image_id and dataset.has_image(image_id))]
        done = [parquet.scan(path).select("image_id").collect() for path in runs]
        replaced = pl.concat([pl.DataFrame({"image_id": gone}, {"image_id": pl.String}), *done])
        if parts or gone or not dataset.tables.exists(table):
            dataset.tables.replace_rows(
                table,
                replaced=replaced,
                parts=[part.rows for part in parts],
                empty=pl.DataFrame(schema=PROVENANCE),
            )
        if not failed.is_empty():
            runs.append(staging.folder / "failed.parquet")
            failed.write_parquet(runs[-1])
            replaced = pl.concat([replaced, failed.select("image_id")])
        if not replaced.is_empty():
            ledger.record(runs, replaced)
        ledger.remember_params(
            [part.params for part in parts if part.params.exists()],
            staging.folder / "params.parquet",
        )
    staging.clear()


def record_outdated(
    dataset: ZarrDataset, table: str, ledger: Ledger, staging: Staging, runs: pl.DataFrame
) -> None:
    """Record that rows of some images are outdated, so that the next update makes them anew.

    Args:
        dataset: The dataset.
        table: The table's name.
        ledger: The table's ledger.
        staging: Where to write on the way; cleared at the end.
        runs: Ledger rows of the images.
    """
    path = staging.folder / "outdated.parquet"
    runs.write_parquet(path)
    with dataset.tables.lock(table):
        ledger.record([path], runs)
    staging.clear()
