"""Take over what runs that were killed had staged, and settle what they had committed."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.update.evidence import contents_now
from kymflow.core.kym_dataset.update.staging import (
    BEGUN,
    MAKER,
    Made,
    Part,
    Staging,
    staging_home,
)
from kymflow_zarr.reasons import escaped, first_line
from kymflow_zarr.store import layout, parquet
from kymflow_zarr.store.leases import delete, take_over
from kymflow_zarr.store.reads import read_file

if TYPE_CHECKING:
    from types import TracebackType

    from kymflow.core.kym_dataset.indexers.base import WatchedFiles
    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadBatch:
    """What one staged part of a dead run holds."""

    runs: pl.DataFrame
    rows: pl.DataFrame
    params: pl.DataFrame


def runs_are_left(dataset: ZarrDataset, table: str) -> bool:
    """Tell whether a run of a table is at work, or was killed and left something."""
    home = staging_home(dataset, table)
    return home.is_dir() and any(entry.is_dir() for entry in home.iterdir())


class DeadRuns:
    """The runs of one table that were killed; no other run can take them while this one holds them.

    Args:
        dataset: The dataset.
        staging: The staging of the run that takes them over.
    """

    def __init__(self, dataset: ZarrDataset, staging: Staging) -> None:
        self._dataset = dataset
        self._staging = staging
        self._held = ExitStack()
        self._folders: list[Path] = []

    def __enter__(self) -> DeadRuns:
        for entry in sorted(self._staging.home.iterdir()):
            if not entry.is_dir() or entry.is_symlink() or entry == self._staging.folder:
                continue
            if layout.is_deleted(entry):
                shutil.rmtree(entry, ignore_errors=True)
            elif self._held.enter_context(take_over(entry)):
                self._folders.append(entry)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def __bool__(self) -> bool:
        return bool(self._folders)

    def suspects(self) -> set[str]:
        """Return the images of batches that had begun and never ended: one may have been fatal."""
        found: set[str] = set()
        for mark in (path for folder in self._folders for path in folder.glob(f"*{BEGUN}")):
            try:
                found.update(json.loads(read_file(mark)))
            except (OSError, ValueError):
                continue  # it was killed while it wrote the mark
        return found

    def take_over(self, due: pl.DataFrame, files: WatchedFiles | None) -> list[Made]:
        """Take over staged parts that are still right, with due images only.

        An image's rows are still right if it is due with the same params hash, version and code,
        and the file that they were made of is still there, by the hash of its bytes.

        Args:
            due: Frame (image_id, params_hash) of the images to be computed.
            files: The files behind the rows; None if the indexer does not say.

        Returns:
            What was made, each image at most once, staged again by this run.
        """
        made: list[Made] = []
        if due.is_empty():
            return made
        keys = ["image_id", "params_hash"]
        for batch in self._batches():
            runs = batch.runs.join(due, on=keys, how="semi", maintain_order="left")
            now = contents_now(self._dataset, files, runs["image_id"].to_list())
            same = runs.join(now, on=["image_id", "rows_content"], nulls_equal=True, how="semi")
            runs = runs.filter(pl.col("rows_seen")).join(
                same, on="image_id", how="semi", maintain_order="left"
            )
            if runs.is_empty():
                continue
            rows = batch.rows.join(runs, on="image_id", how="semi", maintain_order="left")
            made.append(self._staging.next_part().write(rows, runs, batch.params))
            due = due.join(runs, on="image_id", how="anti", maintain_order="left")
        return made

    def record_committed(self, unrecorded: pl.DataFrame) -> list[Made]:
        """Return the runs whose rows a run had put into the table when it was killed.

        They record how many rows there were, so that the next update sees if some are lost.

        Args:
            unrecorded: Frame (image_id, params_hash) of the images whose rows in the table bear
                the right provenance, and of whose run the ledger does not know.

        Returns:
            Runs without rows, for the ledger.
        """
        made: list[Made] = []
        if unrecorded.is_empty():
            return made
        keys = ["image_id", "params_hash"]
        for batch in self._batches():
            known = batch.runs.join(unrecorded, on=keys, how="semi", maintain_order="left")
            if known.is_empty():
                continue
            made.append(Made(known, batch.params))
            unrecorded = unrecorded.join(known, on="image_id", how="anti")
        return made

    def clear(self) -> None:
        """Remove the dead runs, once this one has committed."""
        for folder in self._folders:
            delete(folder)
        self._held.close()

    def _batches(self) -> Iterator[DeadBatch]:
        """Yield each staged part made alike; damaged ones are left out."""
        for folder in self._folders:
            try:
                maker = json.loads(read_file(folder / MAKER))
            except (OSError, ValueError):
                continue  # it was killed before it had begun
            if maker != self._staging.maker:
                continue
            yield from _batches_in(folder)


def _batches_in(folder: Path) -> Iterator[DeadBatch]:
    for path in sorted(folder.glob("[0-9]*.runs.parquet")):
        part = Part.in_folder(folder, path.name.removesuffix(".runs.parquet"))
        try:
            runs, rows = part.read_runs(), parquet.scan(part.rows).collect()
            params = part.read_params()
        except parquet.read_errors() as error:
            shown, why = escaped(str(path)), first_line(error)
            log.warning("staged part %s can't be read and is left out: %s", shown, why)
            continue
        yield DeadBatch(runs, rows, params)
