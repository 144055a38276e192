"""What a check of the reviews finds: lines that can't be read, events at odds with the journal."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.artifacts.events import EVENTS_ARTIFACT
from kymflow.core.kym_dataset.integrity.finding import FINDINGS, Finding
from kymflow.core.review.journal import Journal
from kymflow.core.review.replay import disagreements, images_to_compare
from kymflow_zarr.errors import ArtifactError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_REPLAY = "`kymflow review replay` brings both together"


def check_reviews(dataset: ZarrDataset) -> pl.DataFrame:
    """Find what is damaged in the journal, and where events are not what it says.

    Images whose events can't be read are left to the check of the artifacts.

    Args:
        dataset: The dataset; reading it is enough.

    Returns:
        Frame (kind, path relative to the dataset, problem, remedy, repaired bool), a row per
        finding, as that of :func:`kymflow.core.kym_dataset.integrity.check.check`.
    """
    rows = [
        (each.kind, os.path.relpath(each.path, dataset.path), each.problem, each.remedy, False)
        for each in _findings(dataset)
    ]
    return pl.DataFrame(rows, FINDINGS, orient="row")


def _findings(dataset: ZarrDataset) -> Iterator[Finding]:
    journal = Journal(dataset)
    for path, line in journal.damaged():
        yield Finding(
            "journal-damaged",
            path,
            f"line {line} holds no decision; a killed process leaves half of one at the end",
            "nothing to do if it is the last line: the next decision sets it aside; else put the "
            "log back from a backup",
        )
    for path in journal.torn():
        yield Finding(
            "journal-torn",
            path,
            "half a decision, which a killed process left, was set aside here",
            "make the decision again if it is missing from `kymflow review log`, then delete this",
        )
    for image_id in images_to_compare(dataset, journal):
        artifact = Path(dataset.record(image_id).artifact_path(EVENTS_ARTIFACT, ".parquet"))
        with suppress(ArtifactError):
            for found in disagreements(dataset, [image_id]):
                yield Finding("review-differs", artifact, str(found), _REPLAY)
