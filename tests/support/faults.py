"""Faults from below, what a run makes of them, and whether anything was lost."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path

import pytest

from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import ZarrDataset
from tests.support.crew import Child
from tests.support.generations import TABLE, GenerationIndexer, State, held, put, with_rows

BATCH = 3
SOURCE = Path(__file__).with_name("faults.c")
AT_ONCE = timedelta(0)
PAGE = 4096
"""The least that a file takes of a small disk."""
NOT_DAMAGE = {
    *("leftover", "interrupted_run"),
    *("unrecorded", "row_count_mismatch", "lost_rows"),  # the ledger is behind the table
    *("unknown_image", "recorded_unknown_image"),  # of deleted images
}
"""What a check may find where a run was stopped between two writes."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended: with an error, or with images that failed.

    Attributes:
        error: The error's class, None if the run came to its end.
        text: What it says.
        typed: Whether it is one of ours.
        failed: The message of each image that failed.
    """

    error: str | None = None
    text: str = ""
    typed: bool = True
    failed: dict[str, str] | None = None


class Endurance:
    """A dataset with a table, some images of which are due, and a run that meets a fault.

    Args:
        folder: Where to make it.
        rows: How many rows an image has that is not due.
        in_lake: Whether its tables are in a lake.

    Attributes:
        dataset: The dataset.
        state: What it holds.
        renewed: Whether the last run that met a fault renewed the table.
    """

    def __init__(self, folder: Path, rows: int = 2, *, in_lake: bool = False) -> None:
        shutil.copytree(_built(rows, in_lake), folder / "data.zarr")
        self.dataset = ZarrDataset(folder / "data.zarr", mode="a")
        self.state = _state(rows)
        self.renewed = False
        self._before = with_rows(self.state)
        for image_id, n_rows in {"a": 2, "b": 0, "c": 1, "d": 0, "i": 3}.items():
            self.put(image_id, 2, n_rows)
        self.dataset.delete_image("h")
        del self.state["h"]

    @property
    def table(self) -> Path:
        """The table's file."""
        return self.dataset.tables.path(TABLE)

    def meet(self, child: Child, *faults: str, file_limit: int | None = None) -> Outcome:
        """Let a child run an update that meets faults, and see that nothing is lost."""
        child.tell(
            "endure",
            dataset=str(self.dataset.path),
            batch=BATCH,
            faults=faults,
            file_limit=file_limit,
        )
        outcome = Outcome(**child.answer(within=60))
        assert outcome.typed, f"{outcome.error}: {outcome.text}"
        for text in (outcome.text, *(outcome.failed or {}).values()):
            assert "\n" not in text
        self.renewed = self.look(outcome.failed or {})
        return outcome

    def look(self, failed: Collection[str] = ()) -> bool:
        """Check that the table is the old one or the new one; tell whether it is the new one.

        Args:
            failed: Images whose old rows stand in the new table as well.
        """
        new = {i: rows for i, rows in self._before.items() if i in failed}
        new |= {i: rows for i, rows in with_rows(self.state).items() if i not in failed}
        now = held(self.dataset.load_table(TABLE))
        assert now in (self._before, new)
        found = check(ZarrDataset(self.dataset.path, mode="r"))
        assert set(found["kind"]) <= NOT_DAMAGE, found.to_dicts()
        return now == new

    def recover(self) -> None:
        """Check that a run without faults makes all as if there had been none."""
        check(self.dataset, repair=True, abandoned_after=AT_ONCE)
        report = KymDataset(self.dataset).update_index(GenerationIndexer(), mode="incremental")
        assert report.failed == 0
        rows = self.dataset.load_table(TABLE)
        assert held(rows) == with_rows(self.state)
        columns = ("image_id", "params_hash", "status", "n_rows")
        assert set(Ledger(self.dataset, TABLE).load(*columns).rows()) == {
            (image_id, params_hash({"generation": generation}), "ok", n_rows)
            for image_id, (generation, n_rows) in self.state.items()
        }
        found = check(self.dataset, abandoned_after=AT_ONCE)
        assert found.is_empty(), found.to_dicts()

    def put(self, image_id: str, generation: int, n_rows: int) -> None:
        """Give an image params and rows."""
        put(self.dataset, image_id, generation, n_rows)
        self.state[image_id] = (generation, n_rows)


def _state(rows: int) -> State:
    """Return images, one of them with so many rows."""
    return {i: (1, rows if i == "f" else n % 3) for n, i in enumerate("abcdefgh")}


@cache
def _built(rows: int, in_lake: bool) -> Path:
    """Return a dataset with its table, to be copied."""
    home = Path(tempfile.mkdtemp(prefix="faults-"))
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    dataset = ZarrDataset(home / "data.zarr", mode="a")
    for image_id, (generation, n_rows) in _state(rows).items():
        put(dataset, image_id, generation, n_rows)
    KymDataset(dataset).update_index(GenerationIndexer())
    if in_lake:
        dataset.tables.convert("ducklake")
    return dataset.path


def compiled(folder: Path) -> Path:
    """Return ``faults.c`` as a library to preload; skip where that can't be."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("no C compiler, or no Linux: system calls can't be made to fail")
    library = folder / "faults.so"
    command = [compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"faults.c can't be compiled here: {done.stderr.splitlines()[:1]}")
    return library


@contextmanager
def mounted(folder: Path, *how: str) -> Iterator[Path]:
    """Mount something on a new folder; skip where that is not allowed."""
    folder.mkdir()
    command = ["mount", *how, os.fspath(folder)]
    if shutil.which("mount") is None:
        pytest.skip("nothing can be mounted here: there is no mount")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"nothing can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, pages_left: int) -> Path:
    """Fill a disk but for some pages, and return the file that does."""
    ballast = disk / "ballast"
    with ballast.open("ab") as file:
        with suppress(OSError):
            while True:
                os.write(file.fileno(), b"\0" * PAGE)
        os.truncate(ballast, ballast.stat().st_size - pages_left * PAGE)
    return ballast


def as_anybody() -> Sequence[str]:
    """Return the command before another that takes root's right to read and write all files."""
    if os.geteuid() != 0:
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root may read and write everything, and there is no setpriv")
    return "setpriv", "--bounding-set", "-dac_override,-dac_read_search"


@contextmanager
def mode(path: Path, bits: int) -> Iterator[None]:
    """Give a file or folder other permissions for a while."""
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)
