"""Step 4, commit: replace the table in one atomic step, then the ledger."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PARAMS, PROVENANCE, RUNS, SEEN
from kymflow.core.kym_dataset.update.prints import NO_ROWS, prints_of_files
from kymflow.core.kym_dataset.update.race import Race
from kymflow.core.kym_dataset.update.staging import Made, Staging
from kymflow.core.kym_dataset.update.survey import Survey
from kymflow_zarr.tables.types import Change, TableKey

if TYPE_CHECKING:
    from pathlib import Path

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
    survey: Survey,
    refreshed: pl.DataFrame,
    doubtful: pl.DataFrame,
    table_decided: Hashable,
    note: str,
) -> int | None:
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
        survey: What the rows would be made of.
        refreshed: Frame (image_id) of images whose rows stay, and whose entry of what they were
            made of is written again.
        doubtful: Frame with the ``image_id`` of images whose rows may be others than the ledger
            says; those that are not made now stay so.
        table_decided: The version of the table that was decided by.
        note: What is done, for the history where one is kept.

    Returns:
        How many rows the table holds now; None if it was not written.

    Raises:
        TableSchemaError: If a column's types can't be reconciled; the table stays as it was.
        CommitError: If the row counts don't add up; the table stays as it was.
    """
    key = TableKey(table)
    with dataset.tables.lock(table):
        others = race.others()
        made = race.drop_overtaken(made, staging)
        refreshed = refreshed.join(others, on="image_id", how="anti")
        gone = [image_id for image_id in gone if not (image_id and dataset.has_image(image_id))]
        decided_by_all = survey.whole and dataset.tables.version(key) == table_decided
        done = _images((one.runs for one in made), gone)
        settled = doubtful.join(done, on="image_id", how="anti", nulls_equal=True).is_empty()
        for_table = {
            ledger.runs: (decided_by_all and settled) or ledger.is_for_table(ledger.runs),
            ledger.seen: decided_by_all or ledger.is_for_table(ledger.seen),
        }
        changes: list[Change] = []
        first = survey.is_watched and not dataset.tables.exists(ledger.seen)
        if first:  # before the table: what there is no entry of is never taken for unchanged
            standing = survey.seen.join(refreshed, on="image_id", how="semi")
            changes.append(ledger.seeing(standing, standing))
        staged = {one.rows: one.runs for one in made if one.rows is not None}
        if staged or gone or not dataset.tables.exists(table):
            replaced, empty = _images(staged.values(), gone), pl.DataFrame(schema=PROVENANCE)
            changes.append(Change(key, "image_id", replaced, list(staged), empty))
        entries = _entries(survey, refreshed, staged, staging)
        touched = _images([refreshed, *staged.values()], gone)
        if survey.is_watched and (not touched.is_empty() or first):
            change = ledger.seeing(entries, touched)
            changes.append(replace(change, for_table=for_table[ledger.seen]))
        if made or gone or not dataset.tables.exists(table):
            runs = pl.concat(
                [pl.DataFrame(schema=RUNS), *(one.runs.select(RUNS.names()) for one in made)]
            )
            params = pl.concat([pl.DataFrame(schema=PARAMS), *(one.params for one in made)])
            changes += ledger.remembering(params)
            change = ledger.recording(runs, _images([runs], gone))
            changes.append(replace(change, for_table=for_table[ledger.runs]))
        merged = dataset.tables.commit(changes, note) if changes else []
    written = (
        one.kept + one.added for one, c in zip(merged, changes, strict=True) if c.table == key
    )
    return next(written, None)


def _entries(
    survey: Survey, refreshed: pl.DataFrame, staged: Mapping[Path, pl.DataFrame], staging: Staging
) -> pl.DataFrame:
    """Say what rows are made of: those that stay as the survey found, those staged as extracted.

    An image whose file was touched while it was extracted has no entry: it is due again.
    """
    standing = survey.seen.join(refreshed, on="image_id", how="semi")
    if not staged:
        return standing
    certain = pl.concat(
        runs.filter(pl.col("rows_seen")).select("image_id", "params_hash", "rows_content")
        for runs in staged.values()
    )
    prints = prints_of_files(list(staged), staging.folder)
    made = (
        survey.seen.drop("rows_content", "rows_print")
        .join(certain, on=["image_id", "params_hash"], how="inner")
        .join(prints, on="image_id", how="left")
        .with_columns(pl.col("rows_print").fill_null(NO_ROWS))
    )
    return pl.concat([standing, made.select(SEEN.names())])


def _images(runs: Iterable[pl.DataFrame], gone: Sequence[str | None]) -> pl.DataFrame:
    done = [frame.select("image_id") for frame in runs]
    return pl.concat([pl.DataFrame({"image_id": gone}, {"image_id": pl.String}), *done])
