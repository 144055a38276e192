"""Runs that die: what they staged is taken over where it is still right."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import polars as pl
import pytest
from duckdb import DuckDBPyConnection

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.update import extract as extract_module
from kymflow.core.kym_dataset.update import staging as staging_module
from kymflow_zarr.tables.parquet.tables import PlainTables
from kymflow_zarr.tables.types import Change, Merged

EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"


class Killed(BaseException):
    """Stands for a signal: nothing catches it."""


class Dying(VelocityEventIndexer):
    """Dies at the image named, after counting what it was asked for."""

    die_at = "c"
    asked: list[str] = []  # noqa: RUF012

    def extract_batch(self, dataset, image_ids):
        if self.die_at in image_ids:
            raise Killed
        self.asked.extend(image_ids)
        return super().extract_batch(dataset, image_ids)


@pytest.fixture
def kym(dataset, add_image, monkeypatch) -> KymDataset:
    monkeypatch.setattr(extract_module, "BATCH", 1)
    monkeypatch.setattr(Dying, "asked", [])
    for image_id in "abcd":
        add_image(image_id, 2)
    return KymDataset(dataset)


def die(kym: KymDataset) -> None:
    with pytest.raises(Killed):
        kym.update_index(Dying())
    assert not kym.dataset.list_table_names()
    Dying.asked.clear()


def finish(kym: KymDataset, mode: str = "incremental"):
    indexer = Dying()
    indexer.die_at = "never"
    return kym.update_index(indexer, mode=mode)


def staged(kym: KymDataset) -> list[Path]:
    """Return the parts that wait, and whatever else lies about."""
    home = kym.dataset.path / "index/staging" / TABLE
    return [path for path in home.rglob("*") if path.name.endswith(".runs.parquet")] or list(
        home.iterdir()
    )


@pytest.mark.parametrize("mode", ["incremental", "replace"])
def test_the_next_run_computes_only_what_was_not_staged(kym, mode: str) -> None:
    die(kym)
    report = finish(kym, mode)
    assert (report.resumed, report.updated, Dying.asked) == (2, 4, ["c", "d"])
    rows = kym.dataset.load_table(TABLE)
    assert rows.group_by("image_id").len().sort("image_id").rows() == [(i, 2) for i in "abcd"]
    assert Ledger(kym.dataset, TABLE).load_params().height == 1
    assert staged(kym) == []


@pytest.mark.parametrize("with_its_old_time", [False, True])
def test_staged_rows_of_images_touched_since_are_computed_again(
    kym, set_events, with_its_old_time: bool
) -> None:
    events = kym.dataset.record("a").artifact_path("velocity_events/events", ".parquet")
    before = events.stat().st_mtime_ns
    die(kym)
    set_events(kym.dataset.record("a"), 5)
    if with_its_old_time:  # as a copy that preserves times has
        for path in (events, events.parent, events.parents[1]):
            os.utime(path, ns=(before, before))
    assert finish(kym).resumed == 1
    assert Dying.asked == ["a", "c", "d"]
    rows = kym.dataset.load_table(TABLE)
    assert rows.filter(pl.col("image_id") == "a").height == 5


def test_files_copied_or_touched_since_cost_no_staged_rows(kym) -> None:
    die(kym)
    for image_id in "ab":
        events = kym.dataset.record(image_id).artifact_path("velocity_events/events", ".parquet")
        events.write_bytes(events.read_bytes())
    assert finish(kym).resumed == 2
    assert Dying.asked == ["c", "d"]


def test_rows_staged_by_other_code_are_not_taken_over(kym) -> None:
    die(kym)
    assert kym.update_index(EVENTS).resumed == 0
    assert staged(kym) == []


@pytest.mark.long
def test_runs_staged_by_an_older_writer_are_taken_over(kym) -> None:
    """One that knew fewer columns of a run, or kept all of them in its staged files."""
    die(kym)
    for number, path in enumerate(staged(kym)):
        runs = pl.read_parquet(path).with_columns(error=pl.lit(None, pl.String), of_old=1)
        (runs if number else runs.drop("code_hash")).write_parquet(path)
    assert finish(kym).resumed == 2
    runs = Ledger(kym.dataset, TABLE).load()
    assert runs["status"].to_list() == ["ok"] * 4
    assert finish(kym).skipped == 4


@pytest.mark.long
def test_an_update_of_some_images_leaves_what_is_staged_of_others(kym) -> None:
    die(kym)
    some = Dying()
    some.die_at = "never"
    assert kym.update_index(some, image_ids=["a"]).resumed == 1
    report = finish(kym)
    assert (report.resumed, report.skipped, Dying.asked) == (1, 1, ["c", "d"])
    assert staged(kym) == []


def test_what_several_dead_runs_hold_is_taken_over_once(kym) -> None:
    die(kym)
    further = Dying()
    further.die_at = "d"
    with pytest.raises(Killed):
        kym.update_index(further)
    report = finish(kym)
    assert (report.resumed, report.updated, report.rows) == (3, 4, 8)
    assert staged(kym) == []


def test_a_part_whose_params_were_not_written_does_not_count(kym, monkeypatch) -> None:
    write = staging_module._write

    def dying(path: Path, frame: pl.DataFrame) -> None:
        if ".params." in path.name:
            raise Killed
        write(path, frame)

    with monkeypatch.context() as patch:
        patch.setattr(staging_module, "_write", dying)
        with pytest.raises(Killed):
            finish(kym)
    report = finish(kym)
    assert (report.resumed, report.updated) == (0, 4)
    assert Ledger(kym.dataset, TABLE).load_params().height == 1


@pytest.mark.parametrize("kind", ["runs", "rows", "params"])
def test_a_damaged_part_costs_its_own_images_only(kym, kind: str) -> None:
    die(kym)
    first = next(path for path in staged(kym) if path.name.startswith("000001"))
    path = first.with_name(f"000001.{kind}.parquet")
    path.write_bytes(path.read_bytes()[:20])
    assert finish(kym).resumed == 1
    assert Dying.asked == ["a", "c", "d"]
    assert kym.dataset.load_table(TABLE).height == 8


@pytest.mark.long
def test_rows_committed_by_a_run_killed_before_its_ledger_are_recorded(
    kym, monkeypatch, plain_files
) -> None:
    die_at_the_ledger(kym, monkeypatch)
    report = finish(kym)
    assert (report.skipped, report.updated) == (4, 0)
    assert kym.sql(f"SELECT image_id, n_rows FROM {TABLE}_runs").rows() == [(i, 2) for i in "abcd"]
    assert staged(kym) == []
    kym.dataset.save_table(TABLE, kym.dataset.load_table(TABLE).head(7))
    assert finish(kym).reasons == {"fresh": 3, "row_count_mismatch": 1}


def test_what_several_dead_runs_committed_is_recorded_once(kym, monkeypatch, plain_files) -> None:
    die(kym)
    die_at_the_ledger(kym, monkeypatch)
    assert finish(kym).skipped == 4
    runs = Ledger(kym.dataset, TABLE).load("image_id", "n_rows")
    assert sorted(runs.rows()) == [(i, 2) for i in "abcd"]


@pytest.mark.long
def test_rows_lost_since_a_run_was_killed_before_its_ledger_are_made_anew(
    kym, monkeypatch, plain_files
) -> None:
    die_at_the_ledger(kym, monkeypatch)
    whole = kym.dataset.load_table(TABLE)
    kym.dataset.save_table(TABLE, whole.tail(7))
    report = finish(kym)
    assert (report.reasons, report.resumed) == ({"fresh": 3, "rows_changed": 1}, 1)
    assert kym.dataset.load_table(TABLE).sort("image_id", maintain_order=True).equals(whole)
    assert finish(kym).skipped == 4


def die_at_the_ledger(kym: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    """Die with the rows in the table, and no record of it."""
    apply = PlainTables._apply

    def dying(tables: PlainTables, con: DuckDBPyConnection, change: Change) -> Merged:
        return die_now() if change.table.sidecar == "runs" else apply(tables, con, change)

    with monkeypatch.context() as patch:
        patch.setattr(PlainTables, "_apply", dying)
        with pytest.raises(Killed):
            finish(kym)


def die_now() -> NoReturn:
    raise Killed


@pytest.mark.long
def test_the_parts_of_a_run_at_work_are_left_alone(kym) -> None:
    class Interrupted(Dying):
        def extract_batch(self, dataset, image_ids):
            if "c" in image_ids:
                assert finish(kym).resumed == 0
            return super().extract_batch(dataset, image_ids)

    indexer = Interrupted()
    indexer.die_at = "never"
    assert kym.update_index(indexer).updated == 4
    assert kym.dataset.load_table(TABLE).height == 8
    assert staged(kym) == []


@pytest.mark.parametrize("clock", [-86_400, 86_400])
def test_what_was_staged_by_another_clock_is_taken_over(kym: KymDataset, clock: int) -> None:
    die(kym)
    for path in (kym.dataset.path / "index/staging" / TABLE).rglob("*"):
        moment = path.stat().st_mtime + clock
        os.utime(path, (moment, moment))
    report = finish(kym)
    assert (report.updated, report.resumed) == (4, 2)
