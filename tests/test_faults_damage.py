"""Files cut short, and a clock that goes back."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import TableUnreadableError
from tests.support.crew import Child
from tests.support.faults import Endurance, compiled
from tests.support.generations import TABLE, GenerationIndexer

CUTS = {"empty": 0.0, "half": 0.5, "all but the end": 0.99}
SOME_CUTS = ["half", *(pytest.param(how, marks=pytest.mark.long) for how in CUTS if how != "half")]


@pytest.fixture
def endurance(tmp_path: Path) -> Endurance:
    return Endurance(tmp_path)


def cut(path: Path, share: float) -> None:
    """Cut a file short."""
    os.truncate(path, int(path.stat().st_size * share))


@pytest.mark.parametrize("how", SOME_CUTS)
def test_a_table_cut_short_is_said_and_built_again(endurance: Endurance, how: str) -> None:
    cut(endurance.table, CUTS[how])
    damaged = endurance.table.read_bytes()
    kym = KymDataset(endurance.dataset)
    with pytest.raises(TableUnreadableError, match="delete it and build the table again"):
        kym.update_index(GenerationIndexer(), mode="incremental")
    [found] = check(kym.dataset, repair=True).to_dicts()
    assert (found["kind"], found["repaired"]) == ("unreadable_table", False)
    assert endurance.table.read_bytes() == damaged
    endurance.table.unlink()
    endurance.recover()


@pytest.mark.long
@pytest.mark.parametrize("how", SOME_CUTS)
def test_a_ledger_cut_short_is_repaired_from_the_rows(endurance: Endurance, how: str) -> None:
    runs = endurance.dataset.path / "index" / f"{TABLE}.runs.parquet"
    cut(runs, CUTS[how])
    found = check(endurance.dataset)
    assert "unreadable_ledger" in found["kind"].to_list()
    repaired = check(endurance.dataset, repair=True)
    assert repaired.filter(pl.col("kind") == "unreadable_ledger")["repaired"].all()
    assert "unreadable_ledger" not in check(endurance.dataset)["kind"].to_list()
    endurance.recover()


@pytest.mark.long
@pytest.mark.parametrize("file", ["runs", "params"])
@pytest.mark.parametrize("how", SOME_CUTS)
def test_an_update_makes_up_for_a_ledger_cut_short(
    endurance: Endurance, how: str, file: str
) -> None:
    path = endurance.dataset.path / "index" / f"{TABLE}.{file}.parquet"
    cut(path, CUTS[how])
    endurance.recover()
    params = Ledger(endurance.dataset, TABLE).load_params()
    assert params_hash({"generation": 2}) in params["params_hash"].to_list()


AHEAD = timedelta(days=1)


@pytest.mark.long
def test_a_run_whose_clock_was_ahead_outlives_nothing(
    endurance: Endurance, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What it recorded lies in the future of every run that follows."""
    library = compiled(tmp_path_factory.mktemp("faults"))
    child = Child(LD_PRELOAD=str(library), CLOCK_AHEAD=str(int(AHEAD.total_seconds())))
    try:
        assert endurance.meet(child).error is None
    finally:
        child.kill()
    latest = Ledger(endurance.dataset, TABLE).load()["indexed_at"].max()
    assert latest > datetime.now(UTC) + AHEAD / 2
    for image_id, n_rows in {"a": 4, "c": 0, "d": 2}.items():
        endurance.put(image_id, 3, n_rows)
    endurance.recover()
    kym = KymDataset(endurance.dataset)
    assert kym.update_index(GenerationIndexer(), mode="incremental").updated == 0


@pytest.mark.long
def test_rows_staged_before_the_clock_went_back_are_not_trusted(tmp_path: Path) -> None:
    """Rows changed since would seem older than what is staged of them."""
    endurance = Endurance(tmp_path, rows=100_000)
    child = Child()
    try:
        assert endurance.meet(child, file_limit=20_000).error == "CommitError"
    finally:
        child.kill()
    tomorrow = time.time() + AHEAD.total_seconds()
    for path in (endurance.dataset.path / "index" / "staging" / TABLE).rglob("*"):
        os.utime(path, (tomorrow, tomorrow))
    endurance.put("a", 2, 4)
    endurance.put("d", 2, 1)
    endurance.recover()
