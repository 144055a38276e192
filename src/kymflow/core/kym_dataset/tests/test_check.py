"""What a check finds, what it repairs, and what it leaves alone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from filelock import FileLock

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import ReadOnlyError, ZarrDataset
from kymflow_zarr.store.files import temporary_path
from tests.support.images import add_image

EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"
AT_ONCE = timedelta(0)


def index_three_images(dataset: ZarrDataset) -> None:
    for image_id, n_events in {"a": 2, "b": 3, "c": 0}.items():
        add_image(dataset, image_id, n_events)
    KymDataset(dataset).update_index(EVENTS)
    dataset.update_manifest()


@pytest.fixture
def kym(dataset, made_once) -> KymDataset:
    return KymDataset(made_once(dataset, index_three_images))


def edit_table(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[KymDataset], None]:
    return lambda kym: kym.dataset.save_table(TABLE, change(kym.dataset.load_table(TABLE))) and None


def edit_ledger(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Callable[[KymDataset], None]:
    def edit(kym: KymDataset) -> None:
        ledger = Ledger(kym.dataset, TABLE)
        kym.dataset.tables.backend.save(ledger.runs, change(ledger.load()))

    return edit


def cut(*parts: str) -> Callable[[KymDataset], None]:
    def cut_file(kym: KymDataset) -> None:
        path = kym.dataset.path.joinpath(*parts)
        if not path.exists():
            pytest.skip("about the files of plain tables")
        path.write_bytes(path.read_bytes()[:30])

    return cut_file


def blank(*parts: str) -> Callable[[KymDataset], None]:
    def blank_pages(kym: KymDataset) -> None:
        path = kym.dataset.path.joinpath(*parts)
        if not path.exists():
            pytest.skip("about the files of plain tables")
        path.write_bytes(path.read_bytes()[:4] + bytes(60) + path.read_bytes()[64:])

    return blank_pages


def kinds(found: pl.DataFrame) -> list[str]:
    return found["kind"].to_list()


def test_a_sound_dataset_has_no_findings(kym: KymDataset) -> None:
    found = check(kym.dataset)
    assert found.is_empty()
    assert found.columns == ["kind", "path", "problem", "remedy", "repaired"]


DERIVED = {
    "unreadable_ledger": cut("index", f"{TABLE}.runs.parquet"),
    "unreadable_params": blank("index", f"{TABLE}.params.parquet"),
    "unreadable_manifest": cut("index", "manifest.parquet"),
    "unrecorded": edit_ledger(lambda runs: runs.filter(pl.col("image_id") != "a")),
    "recorded_twice": edit_ledger(lambda runs: pl.concat([runs, runs.head(1)])),
}


@pytest.mark.wide
@pytest.mark.parametrize("kind", DERIVED)
def test_what_is_derived_is_repaired(kym: KymDataset, kind: str) -> None:
    before = {p: p.read_bytes() for p in kym.dataset.path.rglob("tables/*.parquet")}
    DERIVED[kind](kym)
    found = check(kym.dataset)
    assert kind in kinds(found)
    assert not any(found["repaired"])
    repaired = check(kym.dataset, repair=True)
    assert (kinds(repaired)[0], repaired["repaired"].all()) == (kind, True)
    assert check(kym.dataset).is_empty()
    assert {p: p.read_bytes() for p in before} == before
    assert set(kym.staleness(EVENTS)["reason"]) <= {"fresh", "fresh_zero_rows", "missing"}


def test_a_repaired_ledger_sees_lost_rows_again(kym: KymDataset) -> None:
    kym.dataset.tables.backend.drop(Ledger(kym.dataset, TABLE).runs)
    assert kinds(check(kym.dataset, repair=True)) == ["unrecorded"]
    edit_table(lambda rows: rows.head(4))(kym)
    assert kinds(check(kym.dataset)) == ["row_count_mismatch"]
    report = kym.update_index(EVENTS, mode="incremental")
    assert report.reasons == {"fresh": 1, "missing": 1, "row_count_mismatch": 1}
    assert check(kym.dataset).is_empty()


def test_rows_and_records_of_different_runs_are_not_counted_against_each_other(
    kym: KymDataset,
) -> None:
    of_a = pl.col("image_id") == "a"
    edit_ledger(
        lambda runs: runs.with_columns(
            n_rows=pl.when(of_a).then(9).otherwise("n_rows"),
            params_hash=pl.when(of_a).then(pl.lit("other")).otherwise("params_hash"),
        )
    )(kym)
    assert kinds(check(kym.dataset)) == ["unrecorded"]


def test_images_whose_last_run_failed_have_lost_no_rows(kym: KymDataset) -> None:
    edit_ledger(
        lambda runs: runs.with_columns(
            status=pl.when(pl.col("image_id") == "a").then(pl.lit("failed")).otherwise("status")
        )
    )(kym)
    edit_table(lambda rows: rows.filter(pl.col("image_id") != "a"))(kym)
    assert check(kym.dataset).is_empty()


def test_a_repair_records_only_what_rows_tell_for_certain(kym: KymDataset) -> None:
    failed = {"status": pl.lit("failed"), "params_hash": pl.lit("other")}
    edit_ledger(lambda runs: runs.filter(pl.col("image_id") == "a").with_columns(**failed))(kym)
    whole = (pl.col("image_id") != "b") | (pl.int_range(pl.len()).over("image_id") > 0)
    edit_table(lambda rows: rows.with_columns(params_hash=pl.when(whole).then("params_hash")))(kym)
    kym.dataset.save_table(TABLE, pl.concat([kym.dataset.load_table(TABLE), of_d(kym)]))
    check(kym.dataset, repair=True)
    runs = Ledger(kym.dataset, TABLE).load("image_id", "status", "n_rows").sort("image_id")
    assert runs.rows() == [("a", "failed", 2), ("d", "ok", 2)]


def of_d(kym: KymDataset) -> pl.DataFrame:
    """Return sound rows of a new image d."""
    add_image(kym.dataset, "d")
    row = kym.dataset.load_table(TABLE).drop_nulls("params_hash").head(1)
    return pl.concat([row, row]).with_columns(image_id=pl.lit("d"))


UPDATED = {
    "unknown_image": lambda kym: kym.dataset.delete_image("a"),
    "recorded_unknown_image": lambda kym: kym.dataset.delete_image("c"),
    "null_provenance": edit_table(
        lambda rows: rows.with_columns(
            params_hash=pl.when(pl.col("image_id") != "a").then("params_hash")
        )
    ),
    "mixed_provenance": edit_table(
        lambda rows: rows.with_columns(
            params_hash=pl.when(pl.int_range(pl.len()) > 0)
            .then("params_hash")
            .otherwise(pl.lit("x"))
        )
    ),
    "row_count_mismatch": edit_table(lambda rows: rows.head(4)),
    "lost_rows": edit_table(lambda rows: rows.filter(pl.col("image_id") != "b")),
    "lost_table": lambda kym: kym.dataset.delete_table(TABLE),
}


@pytest.mark.wide
@pytest.mark.parametrize("kind", UPDATED)
def test_what_an_update_makes_good_is_left_to_it(kym: KymDataset, kind: str) -> None:
    UPDATED[kind](kym)
    found = check(kym.dataset, repair=True)
    assert kinds(found) == [kind]
    assert not found["repaired"].any()
    assert "kymflow index" in found["remedy"][0]
    kym.update_index(EVENTS, mode="incremental")
    assert check(kym.dataset).is_empty()


HOPELESS = {
    "unreadable_table": cut("tables", f"{TABLE}.parquet"),
    "unreadable_artifact": cut("images", "a", "analysis", "velocity_events", "events.parquet"),
    "unreadable_image": cut("images", "b", "zarr.json"),
    "wrong_provenance": edit_table(lambda rows: rows.drop("analysis_version")),
    "scattered_rows": edit_table(
        lambda rows: rows.with_row_index().sort(pl.col("index") % 2).drop("index")
    ),
}


@pytest.mark.parametrize("kind", HOPELESS)
def test_what_a_person_must_see_to_is_said_and_not_touched(kym: KymDataset, kind: str) -> None:
    HOPELESS[kind](kym)
    files = {p: p.read_bytes() for p in kym.dataset.path.rglob("*") if p.is_file()}
    found = check(kym.dataset, repair=True)
    assert kind in kinds(found)
    assert not found["repaired"].any()
    place = found.filter(pl.col("kind") == kind)["path"][0]
    assert (kym.dataset.path / place).exists()
    assert {p: p.read_bytes() for p in files} == files


def test_a_user_s_own_table_is_only_read(kym: KymDataset, plain_files: None) -> None:
    kym.dataset.save_table("mine", pl.DataFrame({"image_id": [1, 2]}))
    assert check(kym.dataset).is_empty()
    cut("tables", "mine.parquet")(kym)
    assert kinds(check(kym.dataset)) == ["unreadable_table"]


def leave_temporary(*parts: str) -> Callable[[KymDataset], Path]:
    def leave(kym: KymDataset) -> Path:
        with temporary_path(kym.dataset.path.joinpath(*parts)) as path:
            pass
        path.write_bytes(b"half")
        return path

    return leave


def leave_folder(*parts: str) -> Callable[[KymDataset], Path]:
    def leave(kym: KymDataset) -> Path:
        path = kym.dataset.path.joinpath(*parts)
        (path / "deep").mkdir(parents=True)
        return path

    return leave


LOCKED = {
    "table": leave_temporary("tables", f"{TABLE}.parquet"),
    "rows of one image": leave_temporary("tables", f"{TABLE}.rows"),
    "ledger": leave_temporary("index", f"{TABLE}.runs.parquet"),
    "params": leave_temporary("index", f"{TABLE}.params.parquet"),
    "staged image": leave_folder("images", f".staged-{'0' * 32}"),
    "run that had just begun": leave_folder("index", "staging", TABLE, "0" * 32),
    "run that was clearing up": leave_folder("index", "staging", TABLE, ".000.gone"),
}
UNLOCKED = {
    "artifact": leave_temporary("images", "a", "analysis", "velocity_events", "events.parquet"),
    "image": leave_temporary("images", "a", "zarr.json"),
    "pixels": leave_folder("images", "a", f".data.{'0' * 32}.tmp"),
    "dataset": leave_temporary("zarr.json"),
    "manifest": leave_temporary("index", "manifest.parquet"),
    "what a decision spilled": leave_folder("index", f".duckdb.{'0' * 32}.tmp"),
    "what a commit spilled": leave_folder("tables", f".duckdb.{'0' * 32}.tmp"),
    "deleted image": leave_folder("images", f".deleted-{'0' * 32}"),
}


@pytest.mark.wide
@pytest.mark.parametrize("name", [*LOCKED, *UNLOCKED])
def test_what_killed_processes_left_is_removed(kym: KymDataset, name: str) -> None:
    left = {**LOCKED, **UNLOCKED}[name](kym)
    found = check(kym.dataset, abandoned_after=AT_ONCE)
    assert kinds(found) == ["leftover"]
    assert kym.dataset.path / found["path"][0] == left
    assert left.exists()
    assert check(kym.dataset, repair=True, abandoned_after=AT_ONCE)["repaired"].to_list() == [True]
    assert check(kym.dataset, abandoned_after=AT_ONCE).is_empty()
    assert not left.exists()


@pytest.mark.wide
@pytest.mark.parametrize("name", UNLOCKED)
def test_what_no_lock_guards_must_have_lain_for_a_while(kym: KymDataset, name: str) -> None:
    left = UNLOCKED[name](kym)
    assert check(kym.dataset, repair=True).is_empty()
    assert left.exists()


@pytest.mark.wide
@pytest.mark.parametrize("name", ["table", "rows of one image", "ledger", "params"])
def test_what_a_live_writer_is_at_is_left_alone(kym: KymDataset, name: str) -> None:
    left = LOCKED[name](kym)
    script = (
        "import sys; from kymflow_zarr import ZarrDataset\n"
        "lock = ZarrDataset(sys.argv[1]).tables.lock(sys.argv[2]).acquire()\n"
        "print('held', flush=True); sys.stdin.read()"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(kym.dataset.path), TABLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"held\n"
        reader = ZarrDataset(kym.dataset.path, mode="r")
        assert check(reader, abandoned_after=AT_ONCE).is_empty()
        assert left.exists()
        writer.kill()
    assert check(kym.dataset, repair=True, abandoned_after=AT_ONCE)["repaired"].to_list() == [True]


def test_an_image_being_added_is_left_alone(kym: KymDataset) -> None:
    with kym.dataset.stage_image("d") as staged:
        assert check(kym.dataset, repair=True, abandoned_after=AT_ONCE).is_empty()
        staged.save_json("velocity_events/params", {})
    assert kym.dataset.has_image("d")
    assert not list((kym.dataset.path / "images").glob(".*"))


def test_an_interrupted_replacement_of_an_image_is_put_back(kym: KymDataset) -> None:
    swapped = kym.dataset.path / "images" / ".swapped"
    swapped.mkdir()
    (kym.dataset.path / "images" / "a").rename(swapped / "a")
    found = check(ZarrDataset(kym.dataset.path, mode="r"))
    assert kinds(found) == ["interrupted_swap", "unknown_image"]
    repaired = check(kym.dataset, repair=True)
    assert repaired.select("kind", "repaired").rows() == [("interrupted_swap", True)]
    assert check(kym.dataset).is_empty()


def test_the_work_of_a_killed_run_is_kept_for_the_next(kym: KymDataset, monkeypatch) -> None:
    def die(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("kymflow.core.kym_dataset.update.pipeline.commit", die)
        with pytest.raises(KeyboardInterrupt):
            kym.update_index(EVENTS)
    found = check(kym.dataset, repair=True)
    assert found.select("kind", "repaired").rows() == [("interrupted_run", False)]
    assert kym.update_index(EVENTS).resumed == 3
    assert check(kym.dataset).is_empty()


def test_a_dataset_open_for_reading_is_checked_but_not_repaired(kym: KymDataset) -> None:
    LOCKED["table"](kym)
    reader = ZarrDataset(kym.dataset.path, mode="r")
    files = set(kym.dataset.path.rglob("*"))
    assert kinds(check(reader)) == ["leftover"]
    assert set(kym.dataset.path.rglob("*")) == files
    with pytest.raises(ReadOnlyError):
        check(reader, repair=True)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="links")
def test_nothing_behind_a_link_out_of_the_dataset_is_removed(
    kym: KymDataset, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    kym.dataset.record("a").path.joinpath("analysis").rename(elsewhere)
    kym.dataset.record("a").path.joinpath("analysis").symlink_to(elsewhere)
    with temporary_path(elsewhere / "x.json") as left:
        pass
    left.write_bytes(b"half")
    check(kym.dataset, repair=True, abandoned_after=AT_ONCE)
    assert left.exists()


def test_locks_of_runs_at_work_are_heeded(kym: KymDataset) -> None:
    home = kym.dataset.path / "index" / "staging" / TABLE
    home.mkdir(parents=True, exist_ok=True)
    with FileLock(home / "run.lock"):
        (home / "run").mkdir()
        assert check(kym.dataset, repair=True, abandoned_after=AT_ONCE).is_empty()
    assert kinds(check(kym.dataset, repair=True)) == ["leftover"]
    assert not list(home.iterdir())
