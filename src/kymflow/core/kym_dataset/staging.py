"""Where extracted batches wait for their commit, and outlive a run that is killed."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from filelock import FileLock, Timeout

from kymflow.core.kym_dataset.schemas import PARAMS
from kymflow_zarr import parquet
from kymflow_zarr.files import atomic_path, write_atomic

if TYPE_CHECKING:
    from types import TracebackType

    from kymflow_zarr import ZarrDataset


@dataclass(frozen=True, slots=True)
class Part:
    """One staged batch: its rows, the runs that made them, and the params that were new in it.

    The runs file is written last: a part without it does not count. A part without new params has
    no params file.
    """

    rows: Path
    runs: Path
    params: Path

    @classmethod
    def in_folder(cls, folder: Path, name: str) -> Part:
        """Return the part of this name in a folder."""
        return cls(*(folder / f"{name}.{kind}.parquet" for kind in ("rows", "runs", "params")))

    def write(self, rows: pl.DataFrame, runs: pl.DataFrame, params: pl.DataFrame) -> None:
        """Write the files durably."""
        for path, frame in ((self.rows, rows), (self.params, params), (self.runs, runs)):
            if path == self.params and frame.is_empty():
                continue
            with atomic_path(path) as temporary:
                frame.write_parquet(temporary, compression="zstd", compression_level=1)

    def read_params(self) -> pl.DataFrame:
        """Return the new params."""
        held = self.params.exists()
        return parquet.scan(self.params).collect() if held else pl.DataFrame(schema=PARAMS)


class Staging:
    """The staged parts of one run, in ``index/staging/<table>/<run>/``.

    A lock on the folder, held while the run lives and freed by the system when it dies, tells the
    parts of a dead run from those of a run at work.

    Args:
        dataset: The dataset.
        table: The table's name.
        analysis_version: The indexer's version.
        code_hash: The fingerprint of the indexer's source.
    """

    def __init__(
        self, dataset: ZarrDataset, table: str, analysis_version: str, code_hash: str | None
    ) -> None:
        self._dataset = dataset
        self._home = dataset.path / "index" / "staging" / table
        self._maker = {"analysis_version": analysis_version, "code_hash": code_hash}
        self._held = ExitStack()
        self._folders: list[Path] = []
        self._count = 0

    def __enter__(self) -> Staging:
        self._dataset.check_writable("stage rows", self._home)
        self.folder = self._home / uuid.uuid4().hex
        self.folder.mkdir(parents=True)
        self._held.enter_context(FileLock(self.folder / "lock"))
        self._folders.append(self.folder)
        write_atomic(self.folder / "run.json", json.dumps(self._maker).encode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()

    def next_part(self) -> Part:
        """Return the place of the next part of this run."""
        self._count += 1
        return Part.in_folder(self.folder, f"{self._count:06d}")

    def clear(self) -> None:
        """Remove what is staged here and was taken over, once it is committed."""
        self._held.close()
        for folder in self._folders:
            shutil.rmtree(folder, ignore_errors=True)

    def take_over(self, due: pl.DataFrame) -> list[Part]:
        """Return what dead runs staged that is still right, as parts of due images only.

        An image's rows are still right if it is due with the same params hash, version and code,
        and no artifact of it was touched since the dead run began.

        Args:
            due: Frame (image_id, params_hash) of the images to be computed.

        Returns:
            Parts that hold each image at most once.
        """
        parts: list[Part] = []
        for folder in self._dead_runs():
            began = (folder / "run.json").stat().st_mtime
            for runs_path in sorted(folder.glob("*.runs.parquet")):
                old = Part.in_folder(folder, runs_path.name.removesuffix(".runs.parquet"))
                runs = (
                    parquet.scan(old.runs)
                    .collect()
                    .join(due, on=["image_id", "params_hash"], how="semi", maintain_order="left")
                )
                touched = [i for i in runs["image_id"] if self._touched_since(i, began)]
                runs = runs.filter(~pl.col("image_id").is_in(touched))
                if runs.is_empty():
                    continue
                part = self.next_part()
                rows = (
                    parquet.scan(old.rows)
                    .collect()
                    .join(runs, on="image_id", how="semi", maintain_order="left")
                )
                part.write(rows, runs, old.read_params())
                parts.append(part)
                due = due.join(runs, on="image_id", how="anti", maintain_order="left")
        return parts

    def _dead_runs(self) -> Iterator[Path]:
        """Lock and yield the folders of dead runs by the same code; all go when this run clears."""
        for folder in sorted(self._home.iterdir()):
            if folder == self.folder or folder.is_symlink() or not folder.is_dir():
                continue
            lock = FileLock(folder / "lock")
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            self._held.callback(lock.release)
            self._folders.append(folder)
            if self._made_alike(folder):
                yield folder

    def _made_alike(self, folder: Path) -> bool:
        try:
            return bool(json.loads((folder / "run.json").read_bytes()) == self._maker)
        except (OSError, ValueError):
            return False

    def _touched_since(self, image_id: str, moment: float) -> bool:
        """Tell whether a file or folder among an image's artifacts is newer than a moment."""
        for folder, _, names in os.walk(self._dataset.record(image_id).path / "analysis"):
            for path in (folder, *(os.path.join(folder, name) for name in names)):
                status = os.lstat(path)
                if max(status.st_mtime, status.st_ctime) > moment:
                    return True
        return False
