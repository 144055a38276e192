"""Rows that count as fresh and no longer are what their artifacts hold: a mark in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.update.extract import Job, outdated_runs
from kymflow.core.kym_dataset.update.survey import take_survey
from kymflow_zarr.store import parquet
from kymflow_zarr.store.files import temporary_path


def mark(job: Job, table: str, image_ids: Iterable[str]) -> None:
    """Mark the rows of some images as outdated, so that the next update makes them again.

    Args:
        job: The dataset and the indexer.
        table: The indexer's table.
        image_ids: The images.
    """
    current = take_survey(job.dataset, job.indexer, image_ids).current
    runs = outdated_runs(job, current, datetime.now(UTC))
    ledger = Ledger(job.dataset, table)
    scratch = job.dataset.path / "index" / f"{table}.outdated.parquet"
    with temporary_path(scratch) as written:
        parquet.write(runs, written)
        job.dataset.tables.commit([ledger.recording([written], runs)], "mark rows as outdated")
