"""Step 4, commit: replace the table in one atomic step, then the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow.core.kym_dataset.update.race import Race
from kymflow.core.kym_dataset.update.staging import Part, Staging
from kymflow_zarr.store import parquet
from kymflow_zarr.tables.types import Change, TableKey

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def commit(
    dataset: ZarrDataset,
    table: str,
    ledger: Ledger,
    staging: Staging,
    race: Race,
    *,
    parts: Sequence[Part],
    gone: Sequence[str | None],
    standing: Sequence[Part],
    note: str,
) -> None:
    """Put staged rows in place of the old ones, and record the runs.

    Params are written before the runs that name them: a run that is on record is whole.

    Args:
        dataset: The dataset.
        table: The table's name.
        ledger: The table's ledger.
        staging: Where the parts lie.
        race: Knows the images that others have committed meanwhile; theirs may stand.
        parts: The staged parts.
        gone: Images whose rows and runs go because they are no longer in the dataset; None
            stands for rows that name no image.
        standing: Parts whose runs are recorded while the rows of their images stand.
        note: What is done, for the history where one is kept.

    Raises:
        TableSchemaError: If a column's types can't be reconciled; the table stands as it was.
        CommitError: If the row counts don't add up; the table stands as it was.
    """
    with dataset.tables.lock(table):
        parts, standing = (
            race.drop_overtaken(parts, staging),
            race.drop_overtaken(standing, staging),
        )
        recorded = [*parts, *standing]
        gone = [image_id for image_id in gone if not (image_id and dataset.has_image(image_id))]
        changes = []
        if parts or gone or not dataset.tables.exists(table):
            rows = [part.rows for part in parts]
            empty = pl.DataFrame(schema=PROVENANCE)
            done = _images(parts, gone)
            changes.append(Change(TableKey(table), "image_id", done, rows, empty))
        if recorded or gone:
            params = [part.params for part in recorded if part.params.exists()]
            changes += ledger.remembering(params, staging.folder / "params.parquet")
            runs = [part.runs for part in recorded]
            changes.append(ledger.recording(runs, _images(recorded, gone)))
        if changes:
            dataset.tables.commit(changes, note)


def _images(parts: Sequence[Part], gone: Sequence[str | None]) -> pl.DataFrame:
    done = [parquet.scan(part.runs).select("image_id").collect() for part in parts]
    return pl.concat([pl.DataFrame({"image_id": gone}, {"image_id": pl.String}), *done])
