"""Brings the disk into the state that a phase starts from."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks import rivals
from benchmarks.cases import Phase
from benchmarks.commits import Commits
from benchmarks.decision import Decision
from benchmarks.workload import Workload

OURS, FLOOR = "kymflow", "floor"
_GROUP = "zarr.json"


class Stage:
    """A folder in which nothing needs to be brought into any state.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self, phase: Phase, who: str) -> None:
        """Bring the disk into the state that a phase starts from."""

    def holds_built(self, who: str) -> bool:
        """Tell whether the built table of a contestant was set aside."""
        return True

    def set_aside(self, who: str) -> None:
        """Set aside the table that a contestant has just built from the unchanged images."""


class DecisionStage(Stage):
    """The inputs of a decision, which a decision does not change."""

    def __init__(self, folder: Path, images: int) -> None:
        super().__init__(folder)
        Decision(folder, images).make()


class CommitStage(Stage):
    """Tables to commit to, put back before each phase."""

    def __init__(self, folder: Path, images: int, rows: int) -> None:
        super().__init__(folder)
        self._commits = Commits(folder, images, rows)
        self._commits.make()

    def prepare(self, phase: Phase, who: str) -> None:
        """Put the tables back as they were made."""
        self._commits.restore()
        os.sync()


class WorkloadStage(Stage):
    """A dataset, and the tables of all contestants.

    Each keeps its table in folders of its own. What is in them after a full build is set aside,
    and put back before each phase that starts from a built table.

    Args:
        folder: Holds it all.
        images: How many images.
        rows: How many events an image has on average.
    """

    def __init__(self, folder: Path, images: int, rows: int) -> None:
        super().__init__(folder)
        self._workload = Workload(folder, images, rows)
        self._workload.make()
        self._workload.warm()
        # Another run may have set it aside, by other code.
        shutil.rmtree(folder / "aside", ignore_errors=True)

    def prepare(self, phase: Phase, who: str) -> None:
        """Bring images and table into the state that a phase starts from, and write it to disk."""
        if phase.table != "any":
            for home, aside in self._homes(who):
                _empty(home)
                if phase.table == "built":
                    shutil.copytree(aside, home, dirs_exist_ok=True)
        self._workload.apply(phase.change)
        # Else the phase would wait for what was written here, when it flushes its own files.
        os.sync()

    def holds_built(self, who: str) -> bool:
        """Tell whether the built table of a contestant was set aside."""
        return all(aside.exists() for _, aside in self._homes(who))

    def set_aside(self, who: str) -> None:
        """Set aside the table that a contestant has just built from the unchanged images."""
        for home, aside in self._homes(who):
            shutil.copytree(home, aside)

    def _homes(self, who: str) -> Iterator[tuple[Path, Path]]:
        """Yield the folders of a contestant's table, each with the one to set it aside in."""
        aside = self.folder / "aside"
        if who in (OURS, FLOOR):
            for name in ("tables", "index"):
                yield self._workload.dataset / name, aside / OURS / name
        else:
            yield rivals.home(self.folder, who), aside / who


def _empty(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry.name != _GROUP:
            entry.unlink()
