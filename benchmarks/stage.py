"""Prepares the disk for a phase."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rivals
from benchmarks.cases import Phase
from benchmarks.commits import Commits
from benchmarks.decision import Decision
from benchmarks.workload import UNCHANGED, Workload

OURS, FLOOR = "kymflow", "floor"
AT_REST_S = 3.5
"""A file written to in the last 3 s is read again: its times can't tell a further change."""
_GROUP = "zarr.json"


class Stage:
    """A folder that needs no preparation.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, phase: Phase, who: str) -> None:
        """Prepare the disk for a phase."""

    def holds_built(self, who: str) -> bool:
        """Tell whether the built table of a contestant was saved."""
        return True

    def save_built(self, who: str) -> None:
        """Save the table that a contestant has just built from the unchanged images."""


class DecisionStage(Stage):
    """The inputs of a decision, which a decision does not change."""

    def __init__(self, folder: Path, images: int) -> None:
        super().__init__(folder)
        Decision(folder, images).make()


class CommitStage(Stage):
    """Tables to commit to, restored before each phase."""

    def __init__(self, folder: Path, images: int, rows: int) -> None:
        super().__init__(folder)
        self._commits = Commits(folder, images, rows)
        self._commits.make()

    def prepare(self, phase: Phase, who: str) -> None:
        """Restore the tables to their first state."""
        self._commits.restore()
        os.sync()


class WorkloadStage(Stage):
    """A dataset, and the tables of all contestants.

    Each keeps its table in its own folders. Their content after a full build is saved
    and restored before each phase that starts from a built table.

    Args:
        folder: Holds it all.
        images: How many images.
        rows: Events per image, on average.
    """

    def __init__(self, folder: Path, images: int, rows: int) -> None:
        super().__init__(folder)
        self._workload = Workload(folder, images, rows)
        self._workload.make()
        self._workload.warm()
        # Another run may have saved it, by other code.
        shutil.rmtree(folder / "saved", ignore_errors=True)

    def prepare(self, phase: Phase, who: str) -> None:
        """Prepare images and table for a phase, and flush them to disk."""
        if phase.table != "any":
            for home, saved in self._homes(who):
                _empty(home)
                if phase.table == "built":
                    shutil.copytree(saved, home, dirs_exist_ok=True)
            if phase.table == "built" and who in (OURS, FLOOR):
                self._look_once()
        self._workload.apply(phase.change)
        # Otherwise the phase would wait for these writes when it flushes its own files.
        os.sync()

    def _look_once(self) -> None:
        """Have the ledger know images and table as they are: the restored table is another file.

        Otherwise every phase would read all params and rows, as only the first update after a
        restore from a backup does.
        """
        from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
        from kymflow_zarr import ZarrDataset

        self._workload.apply(UNCHANGED)
        time.sleep(AT_REST_S)
        kym = KymDataset(ZarrDataset(self._workload.dataset, mode="a"))
        kym.update_index(VelocityEventIndexer(), mode="incremental")

    def holds_built(self, who: str) -> bool:
        """Tell whether the built table of a contestant was saved."""
        return all(saved.exists() for _, saved in self._homes(who))

    def save_built(self, who: str) -> None:
        """Save the table that a contestant has just built from the unchanged images."""
        for home, saved in self._homes(who):
            shutil.copytree(home, saved)

    def _homes(self, who: str) -> Iterator[tuple[Path, Path]]:
        """Yield the folders of a contestant's table, each with the folder to save it in."""
        saved = self.folder / "saved"
        if who in (OURS, FLOOR):
            for name in ("tables", "index"):
                yield self._workload.dataset / name, saved / OURS / name
        else:
            yield rivals.home(self.folder, who), saved / who


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _GROUP:
            entry.unlink()
