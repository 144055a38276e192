"""Verify a dataset: find what is damaged, left over or at odds, and repair what is derived."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.integrity.audit import audit
from kymflow.core.kym_dataset.integrity.finding import FINDINGS, Finding
from kymflow.core.kym_dataset.integrity.orphans import Orphans
from kymflow_zarr.errors import DatasetError
from kymflow_zarr.reasons import reason
from kymflow_zarr.store.files import temporary_of

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

HOUR = timedelta(hours=1)
_ARRAYS = ("data", "analysis_arrays")


def check(
    dataset: ZarrDataset, *, repair: bool = False, abandoned_after: timedelta = HOUR
) -> pl.DataFrame:
    """Verify a dataset.

    Every table, ledger and artifact is read to its end; pixels are not. What an update that is at
    work holds is left alone, as its locks tell.

    A repair does what no update would: it removes what killed processes left, writes ledgers,
    params files and the manifest again as far as what is there tells, and puts back images whose
    replacement was interrupted. Images, artifacts, tables and the staged work of runs that an
    update can take over are never changed.

    Args:
        dataset: The dataset; open for writing if it is to be repaired.
        repair: Whether to repair.
        abandoned_after: How long a file written without a lock must lie untouched to count as
            left by a killed writer.

    Returns:
        Frame (kind, path relative to the dataset, problem, remedy, repaired bool), a row a
        finding; empty where all is well.

    Raises:
        ReadOnlyError: If a dataset open for reading only is to be repaired.
    """
    if repair:
        dataset.check_writable("repair the dataset")
    rows = [
        (
            finding.kind,
            os.path.relpath(finding.path, dataset.path),
            finding.problem,
            finding.remedy,
            repair and _repaired(finding),
        )
        for finding in _findings(dataset, Orphans(dataset, abandoned_after.total_seconds()))
    ]
    return pl.DataFrame(rows, FINDINGS, orient="row")


def _repaired(finding: Finding) -> bool:
    """Repair what was found if that can be done; tell whether it was."""
    try:
        return finding.repair is not None and finding.repair()
    except (DatasetError, OSError):
        return False


def _findings(dataset: ZarrDataset, leftovers: Orphans) -> Iterator[Finding]:
    yield from leftovers.find()
    try:
        dataset.tables.names()
    except DatasetError as error:
        where = Path(error.artifact or dataset.path / "tables")
        yield Finding("unreadable_tables", where, error.message, "then check again")
    else:
        yield from leftovers.among_tables()
        yield from audit(dataset)
    for image_id in dataset.list_image_ids():
        record = dataset.record(image_id)
        yield from _metadata(record)
        refusals: list[OSError] = []
        for path in _files(record.path, refusals.append):
            yield from leftovers.temporary(path)
            yield from _artifact(record, path)
        for refusal in refusals:
            yield Finding(
                "unreadable_folder",
                Path(refusal.filename),
                f"it can't be listed: {reason(refusal)}",
                "see to permissions and the disk",
            )


def _files(folder: Path, unreadable: Callable[[OSError], None]) -> Iterator[Path]:
    """Yield the files of an image, and pixels that were never finished; of other arrays none."""
    for place, folders, names in os.walk(folder, onerror=unreadable):
        if Path(place) == folder:
            unfinished = [name for name in folders if temporary_of(Path(name))]
            if (folder / "data").exists():  # else one of them may be all there is of the pixels
                yield from (folder / name for name in unfinished)
            folders[:] = [name for name in folders if name not in (*_ARRAYS, *unfinished)]
        yield from (Path(place, name) for name in sorted(names))


def _metadata(record: ZarrImageRecord) -> Iterator[Finding]:
    try:
        record.attrs()
    except DatasetError as error:
        yield Finding("unreadable_image", record.path, error.message, "add the image again")


def _artifact(record: ZarrImageRecord, path: Path) -> Iterator[Finding]:
    """Yield a finding if a file is an artifact that can't be read."""
    loaders = {
        ".json": record.load_json,
        ".json.gz": record.load_json,
        ".parquet": record.load_df_parquet,
        ".csv.gz": record.load_df_csv_gz,
    }
    analysis = record.path / "analysis"
    if path.name.startswith(".") or not path.is_relative_to(analysis):
        return
    for ending, load in loaders.items():
        if path.name.endswith(ending):
            try:
                load(path.relative_to(analysis).as_posix().removesuffix(ending))
            except DatasetError as error:
                remedy = "repair the file, or make it again"
                yield Finding("unreadable_artifact", path, error.message, remedy)
