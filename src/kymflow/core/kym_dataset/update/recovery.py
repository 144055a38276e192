"""Take over what runs that were killed had staged, and settle what they had committed."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.update.staging import BEGUN, MAKER, Part, Staging, staging_home
from kymflow_zarr.reasons import escaped, first_line
from kymflow_zarr.store import parquet
from kymflow_zarr.store.leases import GONE, delete, take_over

if TYPE_CHECKING:
    from types import TracebackType

    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DeadBatch:
    """What one staged part of a dead run holds, and when its run began (s since the epoch)."""

    runs: pl.DataFrame
    rows: pl.DataFrame
    params: pl.DataFrame
    began: float


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
            if entry.name.endswith(GONE):
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
                found.update(json.loads(mark.read_bytes()))
            except (OSError, ValueError):
                continue  # it was killed while it wrote the mark
        return found

    def take_over(self, due: pl.DataFrame) -> list[Part]:
        """Return what was staged and is still right, as parts of due images only.

        An image's rows are still right if it is due with the same params hash, version and code,
        and no artifact of it was touched since the dead run began.

        Args:
            due: Frame (image_id, params_hash) of the images to be computed.

        Returns:
            Parts of the staging that hold each image at most once.
        """
        parts: list[Part] = []
        if due.is_empty():
            return parts
        keys = ["image_id", "params_hash"]
        for batch in self._batches():
            runs = batch.runs.join(due, on=keys, how="semi", maintain_order="left")
            touched = [i for i in runs["image_id"] if self._touched_since(i, batch.began)]
            runs = runs.filter(~pl.col("image_id").is_in(touched))
            if runs.is_empty():
                continue
            parts.append(self._staging.next_part())
            rows = batch.rows.join(runs, on="image_id", how="semi", maintain_order="left")
            parts[-1].write(rows, runs, batch.params)
            due = due.join(runs, on="image_id", how="anti", maintain_order="left")
        return parts

    def record_committed(self, unrecorded: pl.DataFrame) -> list[Part]:
        """Return the runs whose rows a run had put into the table when it was killed.

        They record how many rows there were, so that the next update sees if some are lost.

        Args:
            unrecorded: Frame (image_id, params_hash) of the images whose rows in the table bear
                the right provenance, and of whose run the ledger does not know.

        Returns:
            Parts without rows, for the ledger.
        """
        parts: list[Part] = []
        if unrecorded.is_empty():
            return parts
        keys = ["image_id", "params_hash"]
        for batch in self._batches():
            known = batch.runs.join(unrecorded, on=keys, how="semi", maintain_order="left")
            if known.is_empty():
                continue
            parts.append(self._staging.ledger_only_part())
            parts[-1].write_runs(known, batch.params)
            unrecorded = unrecorded.join(known, on="image_id", how="anti")
        return parts

    def clear(self) -> None:
        """Remove the dead runs, once this one has committed."""
        for folder in self._folders:
            delete(folder)
        self._held.close()

    def _batches(self) -> Iterator[DeadBatch]:
        """Yield each staged part made alike; damaged ones are left out.

        A run that seems to have begun after this one was made before a clock went back: nothing
        tells what was touched since, so it is left out as well.
        """
        now = (self._staging.folder / MAKER).stat().st_mtime
        for folder in self._folders:
            try:
                maker = json.loads((folder / MAKER).read_bytes())
                began = (folder / MAKER).stat().st_mtime
            except (OSError, ValueError):
                continue  # it was killed before it had begun
            if maker != self._staging.maker or began > now:
                continue
            for path in sorted(folder.glob("[0-9]*.runs.parquet")):
                part = Part.in_folder(folder, path.name.removesuffix(".runs.parquet"))
                try:
                    runs, rows = (
                        parquet.scan(part.runs).collect(),
                        parquet.scan(part.rows).collect(),
                    )
                    params = part.read_params()
                except parquet.read_errors() as error:
                    shown, why = escaped(str(path)), first_line(error)
                    log.warning("staged part %s can't be read and is left out: %s", shown, why)
                    continue
                yield DeadBatch(runs, rows, params, began)

    def _touched_since(self, image_id: str, moment: float) -> bool:
        """Tell whether a file or folder among an image's artifacts is no older than a moment.

        File systems may keep whole seconds: what is as old may be newer.
        """
        for folder, _, names in os.walk(self._dataset.record(image_id).path / "analysis"):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                status = os.lstat(path)
                if max(status.st_mtime, status.st_ctime) >= moment:
                    return True
        return False
