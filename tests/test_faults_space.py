"""A disk that fills up: for real on a small one, and anywhere with a limit on the size of files."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from tests.support.crew import Child
from tests.support.faults import Endurance, fill, mounted


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    child = Child()
    yield child
    child.kill()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 2 MiB."""
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=2m", "tmpfs") as disk:
        yield disk


@pytest.mark.parametrize(
    "room", [(0, 6, 13), pytest.param(range(18), marks=pytest.mark.long)], ids=["briefly", "any"]
)
def test_a_disk_that_is_full_at_any_place(disk: Path, child: Child, room: Sequence[int]) -> None:
    """Each run gets further than the one before: to its first part, its second, the table."""
    endurance = Endurance(disk, rows=12_000)  # the table takes pages that its parts do not free
    errors = []
    for pages in room:
        ballast = fill(disk, pages)
        outcome = endurance.meet(child)
        if outcome.error:
            assert "No space left on device" in outcome.text
            errors.append(outcome.error)
    assert errors == sorted(errors, reverse=True)
    assert set(errors) == {"WriteError", "CommitError"}
    ballast.unlink()
    endurance.recover()


LIMITS = {"parts": (1_000, "WriteError"), "table": (20_000, "CommitError")}


@pytest.mark.parametrize("what", ["table", pytest.param("parts", marks=pytest.mark.long)])
def test_files_that_may_not_grow(tmp_path: Path, child: Child, what: str) -> None:
    limit, error = LIMITS[what]
    endurance = Endurance(tmp_path, rows=100_000)
    assert endurance.table.stat().st_size > limit
    outcome = endurance.meet(child, file_limit=limit)
    assert outcome.error == error
    assert "File too large" in outcome.text
    assert not endurance.renewed
    endurance.recover()


def test_whatever_cant_be_saved_leaves_nothing(tmp_path: Path, child: Child) -> None:
    dataset = Endurance(tmp_path).dataset
    record = dataset.record("a")
    record.save_array_artifact("big", np.ones((2, 2)))
    before = {path for path in dataset.path.rglob("*") if path.is_file()}
    child.tell("save", dataset=str(dataset.path), file_limit=1_000)
    errors = child.answer(within=60)
    assert len(errors) == 8
    assert set(errors.values()) == {"WriteError"}
    assert np.array_equal(record.load_array_artifact("big"), np.ones((2, 2)))
    left = {path for path in dataset.path.rglob("*") if path.is_file()} - before
    assert left == {dataset.path / "index" / "locks" / "big.lock"}


@pytest.mark.long
def test_the_command_says_that_the_disk_is_full(disk: Path) -> None:
    dataset = Endurance(disk).dataset
    command = [sys.executable, "-m", "kymflow.cli.main"]
    index = [*command, "index", os.fspath(dataset.path), "images"]
    ballast = fill(disk, 1)
    done = subprocess.run(index, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert "No space left on device" in line
    check = [*command, "check", os.fspath(dataset.path), "--format", "csv"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert "leftover,index/staging/kym_images" in done.stdout
    ballast.unlink()
    subprocess.run([*index, "velocity_events"], capture_output=True, check=True)
    assert dataset.tables.count("kym_images") == len(dataset.list_image_ids())
    subprocess.run([*check, "--repair"], capture_output=True, check=False)
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert "staging" not in done.stdout
