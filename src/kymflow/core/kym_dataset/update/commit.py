"""Step 4, commit: replace the table in one atomic step, then the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PARAMS, PROVENANCE, RUNS
from kymflow.core.kym_dataset.update.race import Race
from kymflow.core.kym_dataset.update.staging import Made, Staging
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
    made: Sequence[Made],
    gone: Sequence[str | None],
    note: str,
) -> None:
    """Put staged rows in place of the old ones, and record the runs.

    Params are written before the runs that name them: a run that is on record is whole.

    Args:
        dataset: The dataset.
        table: The table's name.
        ledger: The table's ledger.
        staging: Where the rows are staged.
        race: Knows the images that others have committed meanwhile; theirs may stay.
        made: What was made. Of images without staged rows the runs alone are recorded.
        gone: Images whose rows and runs are removed because they are no longer in the dataset;
            None stands for rows that name no image.
        note: What is done, for the history where one is kept.

    Raises:
        TableSchemaError: If a column's types can't be reconciled; the table stays as it was.
        CommitError: If the row counts don't add up; the table stays as it was.
    """
    with dataset.tables.lock(table):
        made = race.drop_overtaken(made, staging)
        gone = [image_id for image_id in gone if not (image_id and dataset.has_image(image_id))]
        changes = []
        staged = {one.rows: one.runs for one in made if one.rows is not None}
        if staged or gone or not dataset.tables.exists(table):
            done, empty = _images(staged.values(), gone), pl.DataFrame(schema=PROVENANCE)
            changes.append(Change(TableKey(table), "image_id", done, list(staged), empty))
        if made or gone:
            runs = pl.concat([pl.DataFrame(schema=RUNS), *(one.runs for one in made)])
            params = pl.concat([pl.DataFrame(schema=PARAMS), *(one.params for one in made)])
            changes += ledger.remembering(params)
            changes.append(ledger.recording(runs, _images([runs], gone)))
        if changes:
            dataset.tables.commit(changes, note)


def _images(runs: Iterable[pl.DataFrame], gone: Sequence[str | None]) -> pl.DataFrame:
    done = [frame.select("image_id") for frame in runs]
    return pl.concat([pl.DataFrame({"image_id": gone}, {"image_id": pl.String}), *done])
