"""Files and folders that may not be read or written, and disks that may only be read."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import ZarrDataset
from tests.support.crew import Child
from tests.support.faults import BATCH, NOT_DAMAGE, Endurance, as_anybody, mode, mounted
from tests.support.generations import TABLE, GenerationIndexer


@pytest.fixture(scope="module")
def child() -> Iterator[Child]:
    """Return a process that permissions hold for, whoever runs the tests."""
    child = Child(*as_anybody())
    yield child
    child.kill()


@pytest.fixture
def endurance(tmp_path: Path) -> Endurance:
    return Endurance(tmp_path)


NONE, READ_ONLY = 0o000, 0o555
REFUSED = {
    "the dataset": (".", NONE, "ReadError"),
    "its images": ("images", NONE, "ReadError"),
    "its tables": ("tables", NONE, "ReadError"),
    "its index": ("index", NONE, "ReadError"),
    "the table": (f"tables/{TABLE}.parquet", NONE, "ReadError"),
    "the ledger": (f"index/{TABLE}.runs.parquet", NONE, "ReadError"),
    "the params": (f"index/{TABLE}.params.parquet", NONE, "ReadError"),
    "the lock of another": (f"index/locks/{TABLE}.lock", 0o444, "WriteError"),
    "staging": (f"index/staging/{TABLE}", READ_ONLY, "WriteError"),
    "writing in tables": ("tables", READ_ONLY, "CommitError"),
    "writing in the index": ("index", READ_ONLY, "CommitError"),
}
BRIEFLY = ("its images", "the ledger", "staging", "writing in tables")


@pytest.mark.parametrize(
    "what",
    [pytest.param(what, marks=[] if what in BRIEFLY else [pytest.mark.long]) for what in REFUSED],
)
def test_what_may_not_be_reached_is_an_error(endurance: Endurance, child: Child, what: str) -> None:
    place, bits, error = REFUSED[what]
    with mode(endurance.dataset.path / place, bits):
        outcome = endurance.meet(child)
    assert outcome.error == error
    assert "Permission denied" in outcome.text
    assert "restore" not in outcome.text
    assert endurance.renewed == (what == "writing in the index")
    endurance.recover()


@pytest.mark.long
def test_folders_that_need_no_writing_may_be_read_only(endurance: Endurance, child: Child) -> None:
    root = endurance.dataset.path
    with mode(root, READ_ONLY), mode(root / "images", READ_ONLY), mode(root / "index/locks", 0o555):
        outcome = endurance.meet(child)
    assert outcome.error is None
    assert endurance.renewed
    endurance.recover()


@pytest.mark.parametrize(
    "place",
    ["rows.parquet", *(pytest.param(p, marks=pytest.mark.long) for p in ("params.json", "."))],
)
def test_an_image_that_may_not_be_read_fails_alone(
    endurance: Endurance, child: Child, place: str
) -> None:
    with mode(endurance.dataset.path / "images/c/analysis/gen" / place, NONE):
        outcome = endurance.meet(child)
    assert list(outcome.failed or {}) == ["c"]
    assert "Permission denied" in (outcome.failed or {})["c"]
    assert endurance.renewed
    endurance.recover()


def test_a_check_names_folders_that_may_not_be_listed(endurance: Endurance, child: Child) -> None:
    place = "images/c/analysis/gen"
    with mode(endurance.dataset.path / place, NONE):
        child.tell("examine", dataset=str(endurance.dataset.path))
        found = child.answer(within=60)
    assert ["unreadable_folder", place, "it can't be listed: Permission denied"] in found


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Endurance]:
    """Return a dataset that is also mounted at ``read_only``, where it can't be written to."""
    endurance = Endurance(tmp_path)
    with mounted(tmp_path / "read_only", "--bind", str(endurance.dataset.path)) as disk:
        subprocess.run(["mount", "-o", "remount,ro,bind", disk], check=True)
        yield endurance


@pytest.mark.long
def test_a_disk_that_can_only_be_read(read_only: Endurance, child: Child, tmp_path: Path) -> None:
    disk = tmp_path / "read_only"
    child.tell("endure", dataset=str(disk), batch=BATCH)
    answer = child.answer(within=60)
    assert (answer["error"], answer["typed"]) == ("WriteError", True)
    assert "Read-only file system" in answer["text"]
    kym = KymDataset(ZarrDataset(disk, mode="r"))
    decision = kym.staleness(GenerationIndexer())
    assert decision.filter(pl.col("action") == "update").height == 5
    assert kym.sql(f"SELECT count(*) AS n FROM {TABLE}").item() == kym.dataset.tables.count(TABLE)
    assert set(check(kym.dataset)["kind"]) <= NOT_DAMAGE
    read_only.recover()
