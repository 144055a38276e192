"""What befalls a lake: its catalog and data can't be written or read, are cut short or refused."""

from __future__ import annotations

import errno
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import QueryError, TableUnreadableError, ZarrDataset
from tests.support.crew import Child
from tests.support.faults import BATCH, Endurance, as_anybody, compiled, fill, mode, mounted
from tests.support.generations import TABLE, GenerationIndexer

pytestmark = pytest.mark.skipif(
    not duckdb.__version__.startswith("1.5."), reason="DuckLake's extensions are for DuckDB 1.5"
)
EIO, ENOSPC = errno.EIO, errno.ENOSPC
CATALOG = "tables/lake/catalog.ducklake"
DATA = f"tables/lake/data/main/{TABLE}"


@pytest.fixture(scope="module")
def child(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Child]:
    """Return a process whose system calls fail when they are told to."""
    with ending(Child(LD_PRELOAD=str(compiled(tmp_path_factory.mktemp("faults"))))) as child:
        yield child


@pytest.fixture
def endurance(tmp_path: Path) -> Endurance:
    return Endurance(tmp_path, in_lake=True)


@contextmanager
def ending(child: Child) -> Iterator[Child]:
    """Have a child end by itself, and so take its temporary files along."""
    try:
        yield child
    finally:
        child.end()


BRIEFLY = {("fsync", EIO, "/.catalog.ducklake.")}


def cases() -> Iterator[Any]:
    """Yield the calls that may fail on the files of a lake, those that take long in sum marked."""
    places = {
        "/lake/data/main": ("write", "fsync"),
        "/lake/data/runs": ("write", "fsync"),
        "/lake/data/params": ("write", "fsync"),
        "/.catalog.ducklake.": ("write", "fsync"),
        "/lake/catalog.ducklake": ("rename",),
    }
    for place, calls in places.items():
        for call in calls:
            for number in (EIO, ENOSPC):
                case = call, number, place
                name = f"{call} {place.strip('/.')} {errno.errorcode[number]}"
                marks = [] if case in BRIEFLY else [pytest.mark.long]
                yield pytest.param(*case, marks=marks, id=name)


@pytest.mark.long
@pytest.mark.parametrize(("call", "number", "place"), list(cases()))
def test_what_cant_be_written_costs_nothing(
    endurance: Endurance, child: Child, call: str, number: int, place: str
) -> None:
    outcome = endurance.meet(child, f"{call} {number} {place}")
    assert outcome.error == "CommitError"
    assert re.search(rf"{os.strerror(number)}|fsync failed", outcome.text)
    assert not endurance.renewed
    endurance.recover()


@pytest.mark.parametrize("place", [CATALOG, pytest.param(DATA, marks=pytest.mark.long)])
def test_what_cant_be_read_is_not_taken_for_damaged(
    endurance: Endurance, child: Child, place: str
) -> None:
    outcome = endurance.meet(child, f"read {EIO} {place}")
    assert outcome.error == "ReadError"
    assert "restore" not in outcome.text
    assert not endurance.renewed
    endurance.recover()


@pytest.mark.long
def test_a_disk_that_is_full_at_any_place(tmp_path: Path, child: Child) -> None:
    errors = set()
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=3m", "tmpfs") as disk:
        endurance = Endurance(disk, in_lake=True)
        for pages in (0, 8, 16, 32, 64, 128, 160):
            ballast = fill(disk, pages)
            outcome = endurance.meet(child)
            if outcome.error:
                assert "No space left on device" in outcome.text
                errors.add(outcome.error)
        assert errors == {"WriteError", "CommitError"}
        ballast.unlink()
        endurance.recover()


REFUSED = {
    "the lake": ("tables/lake", 0o000, "ReadError"),
    "the catalog": (CATALOG, 0o000, "ReadError"),
    "the data": (DATA, 0o000, "ReadError"),
    "what names the lake": ("tables/lake.json", 0o000, "ReadError"),
    "writing the catalog": ("tables/lake", 0o555, "CommitError"),
    "writing data": (DATA, 0o555, "CommitError"),
}


@pytest.mark.long
@pytest.mark.parametrize("what", REFUSED)
def test_what_may_not_be_reached_is_an_error(endurance: Endurance, what: str) -> None:
    place, bits, error = REFUSED[what]
    with ending(Child(*as_anybody())) as child, mode(endurance.dataset.path / place, bits):
        child.tell("endure", dataset=str(endurance.dataset.path), batch=BATCH)
        answer = child.answer(within=60)
    assert (answer["error"], answer["typed"]) == (error, True)
    assert "Permission denied" in answer["text"]
    assert "restore" not in answer["text"]
    assert not endurance.look()
    endurance.recover()


@pytest.mark.long
def test_a_disk_that_can_only_be_read(endurance: Endurance, child: Child, tmp_path: Path) -> None:
    with mounted(tmp_path / "read_only", "--bind", str(endurance.dataset.path)) as disk:
        subprocess.run(["mount", "-o", "remount,ro,bind", disk], check=True)
        child.tell("endure", dataset=str(disk), batch=BATCH)
        answer = child.answer(within=60)
        assert (answer["error"], answer["typed"]) == ("WriteError", True)
        kym = KymDataset(ZarrDataset(disk, mode="r"))
        assert kym.staleness(GenerationIndexer()).filter(pl.col("action") == "update").height == 5
        asked = kym.sql(f"SELECT count(*) AS n FROM {TABLE}").item()
        assert asked == kym.dataset.tables.count(TABLE) > 0
    endurance.recover()


@pytest.mark.parametrize("share", [0.5, pytest.param(0.0, marks=pytest.mark.long)])
@pytest.mark.parametrize("what", ["the catalog", pytest.param("data", marks=pytest.mark.long)])
def test_what_is_cut_short_is_said(endurance: Endurance, what: str, share: float) -> None:
    place = CATALOG if what == "the catalog" else f"{DATA}/*.parquet"
    [path] = endurance.dataset.path.glob(place)
    whole = path.read_bytes()
    os.truncate(path, int(len(whole) * share))
    with pytest.raises(TableUnreadableError):
        KymDataset(endurance.dataset).update_index(GenerationIndexer(), mode="incremental")
    with pytest.raises(TableUnreadableError):
        endurance.dataset.load_table(TABLE)
    with pytest.raises((QueryError, TableUnreadableError)):
        endurance.dataset.sql(f"FROM {TABLE}")
    found = check(endurance.dataset, repair=True)
    unreadable = found.filter(pl.col("kind").str.starts_with("unreadable_table"))
    assert unreadable["repaired"].to_list() == [False]
    path.write_bytes(whole)
    endurance.recover()


@pytest.mark.long
@pytest.mark.parametrize("side", ["runs", "params"])
@pytest.mark.parametrize("repair", [False, True])
def test_a_ledger_cut_short_is_made_up_for(endurance: Endurance, side: str, repair: bool) -> None:
    [path] = endurance.dataset.path.glob(f"tables/lake/data/{side}/{TABLE}/*.parquet")
    os.truncate(path, path.stat().st_size // 2)
    assert f"unreadable_{'ledger' if side == 'runs' else side}" in check(endurance.dataset)["kind"]
    if repair:
        check(endurance.dataset, repair=True)
    endurance.recover()
