"""Batches run on worker processes and on any executor, with the same result as without."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.errors import InvalidIndexerError, WorkerError
from kymflow.core.kym_dataset import BaseIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.workers.pool import batch_size, run, worker_pool
from kymflow.core.workers.work import Work
from kymflow_zarr import ArtifactSchemaError, UsageError

TABLE = "kym_velocity_events"
IMPORTS = f"""\
import sys
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.update import extract
from kymflow_zarr import ZarrDataset
from {__name__} import Deadly, PerImage
"""
"""What a script of a test begins with."""


class PerImage(BaseIndexer):
    """An indexer of the plainest kind."""

    name = "per_image"

    def analysis_version(self) -> str:
        return "per_image@1"

    def params(self, rec):
        return {"fixed": True}

    def extract_rows(self, rec):
        return pl.DataFrame({"process": [os.getpid()], "image_id": ["not this one"]})


class Deadly(PerImage):
    """Kills its process at one image, as often as there are lives in its file; always without."""

    name = "deadly"

    def extract_rows(self, rec):
        lives = rec.path / "lives"
        if rec.image_id == "c" and (not lives.exists() or lives.read_text()):
            if lives.exists():
                lives.write_text(lives.read_text()[1:])
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extract_rows(rec)


class UnpicklableError(Exception):
    """Can be pickled, but not read again."""

    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


class Clumsy(PerImage):
    """Raises an error that can't travel."""

    name = "clumsy"

    def extract_rows(self, rec):
        raise UnpicklableError("bad", "luck")


class Faulty(PerImage):
    """Raises an artifact error at one image and a defect of its own at another."""

    name = "faulty"

    def __init__(self, defect: bool) -> None:
        self.defect = defect

    def extract_rows(self, rec):
        if rec.image_id == "b":
            raise ArtifactSchemaError("bad", image_id="b", artifact="x")
        if rec.image_id == "d" and self.defect:
            raise ZeroDivisionError("a defect")
        return super().extract_rows(rec)


class Waiting(PerImage):
    """Says in a pipe that it is at work, and never ends by itself."""

    name = "waiting"

    def __init__(self, pipe: str) -> None:
        self.pipe = pipe

    def extract_rows(self, rec):
        with open(self.pipe, "w") as pipe:
            print("at work", file=pipe, flush=True)
            threading.Event().wait()


@pytest.mark.long
def test_workers_make_the_same_table(five: KymDataset) -> None:
    events = VelocityEventIndexer()
    five.update_index(events)
    alone = five.dataset.load_table(TABLE)
    report = five.update_index(events, workers=2)
    assert (report.updated, report.rows) == (5, 8)
    assert five.dataset.load_table(TABLE).equals(alone)


@pytest.mark.long
def test_rows_are_made_in_other_processes(five: KymDataset) -> None:
    five.update_index(PerImage(), workers=1)
    rows = five.dataset.load_table("kym_per_image")
    assert rows["image_id"].to_list() == list("abcde")
    assert os.getpid() not in rows["process"].to_list()
    assert five.update_index(PerImage(), mode="incremental", workers=1).skipped == 5


def test_any_executor_will_do(five: KymDataset) -> None:
    with ThreadPoolExecutor(2) as threads:
        report = five.update_index(PerImage(), executor=threads)
        assert report.updated == 5
        assert threads.submit(os.getpid).result() == os.getpid()


@pytest.mark.long
def test_a_pool_of_the_callers_is_lost_with_a_process(five: KymDataset) -> None:
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as pool:
        assert five.update_index(PerImage(), executor=pool).updated == 5
        with pytest.raises(WorkerError, match="it goes on from there"):
            five.update_index(Deadly(), executor=pool)
        with pytest.raises(WorkerError, match="it goes on from there"):
            five.update_index(PerImage(), executor=pool)
    report = five.update_index(Deadly(), mode="incremental", on_error="record")
    assert (report.resumed, report.updated) == (2, 4)
    assert [failure.image_id for failure in report.failures] == ["c"]


@pytest.mark.long
def test_failures_cross_processes_with_their_place(five: KymDataset) -> None:
    report = five.update_index(Faulty(defect=False), workers=2, on_error="record")
    assert [(f.image_id, f.artifact, f.code) for f in report.failures] == [
        ("b", "x", "artifact-schema")
    ]
    assert (report.updated, report.failed) == (4, 1)


@pytest.mark.long
def test_a_defect_in_a_worker_names_its_image(five: KymDataset) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        five.update_index(Faulty(defect=True), workers=1, on_error="record")
    assert "while extracting image_id d" in caught.value.__notes__


@pytest.mark.long
def test_an_error_that_can_not_travel_says_what_it_was(five: KymDataset) -> None:
    with pytest.raises(RuntimeError, match="UnpicklableError: bad luck") as caught:
        five.update_index(Clumsy(), workers=1)
    assert "while extracting image_id a" in caught.value.__notes__


@pytest.mark.long
def test_a_batch_whose_worker_is_killed_is_done_again(five: KymDataset) -> None:
    (five.dataset.record("c").path / "lives").write_text("x")
    report = five.update_index(Deadly(), workers=2)
    assert (report.updated, report.failed) == (5, 0)
    assert five.dataset.load_table("kym_deadly")["image_id"].to_list() == list("abcde")


@pytest.mark.long
def test_an_image_that_kills_every_worker_is_found_and_fails_alone(five: KymDataset) -> None:
    report = five.update_index(Deadly(), workers=1, on_error="record")
    assert (report.updated, [f.image_id for f in report.failures]) == (4, ["c"])
    assert report.failures[0].code == "worker"
    assert five.dataset.load_table("kym_deadly")["image_id"].to_list() == list("abde")
    assert five.sql(
        "SELECT image_id, status, error FROM kym_deadly_runs WHERE status != 'ok'"
    ).rows() == [("c", "failed", report.failures[0].message)]


@pytest.mark.long
def test_an_image_that_killed_an_update_does_not_kill_the_next_ones(five: KymDataset) -> None:
    code = (
        f"{IMPORTS}extract.BATCH = 2\nKymDataset(ZarrDataset(sys.argv[1])).update_index(Deadly())\n"
    )
    died = subprocess.run([sys.executable, "-c", code, str(five.dataset.path)], check=False)
    assert died.returncode == -signal.SIGKILL
    report = five.update_index(Deadly(), mode="incremental", on_error="record")
    assert (report.resumed, report.updated) == (2, 4)
    assert [failure.image_id for failure in report.failures] == ["c"]
    with pytest.raises(WorkerError, match="image_id c"):
        five.update_index(Deadly(), mode="incremental")
    (five.dataset.record("c").path / "lives").touch()
    assert five.update_index(Deadly(), mode="incremental").updated == 1


@pytest.mark.long
def test_a_script_without_a_guard_is_told_to_have_one(five: KymDataset, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"{IMPORTS}kym = KymDataset(ZarrDataset({str(five.dataset.path)!r}))\n"
        "kym.update_index(PerImage(), workers=1)\n"
    )
    ended = subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
    assert "WorkerError: worker processes can't work" in ended.stderr
    assert 'if __name__ == "__main__"' in ended.stderr


@pytest.mark.long
@pytest.mark.parametrize("installed", [True, False])
def test_an_indexer_of_a_main_module_is_isolated_where_that_can_be(
    five: KymDataset, tmp_path: Path, installed: bool
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        f"{IMPORTS}class Own(Deadly):\n    name = 'own'\n"
        + ("" if installed else "sys.modules['cloudpickle'] = None\n")
        + f"kym = KymDataset(ZarrDataset({str(five.dataset.path)!r}))\n"
        "print(kym.update_index(Own(), on_error='record').failed)\n"
    )
    runs = [
        subprocess.run([sys.executable, script], check=False, capture_output=True, text=True)
        for _ in range(2)
    ]
    assert runs[0].returncode == -signal.SIGKILL
    assert (runs[1].returncode, runs[1].stdout) == (
        (0, "1\n") if installed else (-signal.SIGKILL, "")
    )


def test_a_process_that_can_not_start_is_nobodys_fault(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("kymflow.core.workers.isolated._SERVE", "raise SystemExit")
    suspect = replace(work_of(abs), is_suspect=lambda task: True)
    with pytest.raises(WorkerError, match="can't be started"):
        list(run(suspect, [1], None))


def test_batches_are_small_enough_for_all_workers() -> None:
    with ThreadPoolExecutor(1) as threads, worker_pool(None, threads) as pool:
        assert [batch_size(n, 2_000, pool) for n in (1, 10_000, 100_000, 10**7)] == [
            *(16, 40, 391, 2_000)
        ]
    assert batch_size(10, 2_000, None) == 2_000


def test_an_indexer_that_can_not_travel_is_refused(five: KymDataset) -> None:
    class Local(PerImage):
        pass

    with pytest.raises(InvalidIndexerError, match="top level"):
        five.update_index(Local(), workers=2)
    assert five.update_index(Local()).updated == 5


def test_senseless_workers_are_refused(five: KymDataset) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        five.update_index(PerImage(), workers=0)
    with ThreadPoolExecutor(1) as threads, pytest.raises(UsageError, match="not both"):
        five.update_index(PerImage(), workers=1, executor=threads)


def work_of(do) -> Work:
    return Work(do, halve=lambda task: [], give_up=lambda task: None)


def test_results_come_as_they_are_done() -> None:
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert second_done.wait(30)
        return number

    with ThreadPoolExecutor(2) as threads, worker_pool(None, threads) as pool:
        results = run(work_of(work), range(2), pool)
        assert next(results) == 1
        second_done.set()
        assert next(results) == 0


def test_tasks_are_called_off_after_a_failure(tmp_path: Path) -> None:
    def touch(number: int) -> None:
        if number == 0:
            raise ZeroDivisionError
        (tmp_path / str(number)).touch()

    with (
        ThreadPoolExecutor(1) as threads,
        worker_pool(None, threads) as pool,
        pytest.raises(ZeroDivisionError),
    ):
        list(run(work_of(touch), range(10_000), pool))
    assert len(list(tmp_path.iterdir())) < 1000


def test_tasks_at_work_are_waited_for_after_a_failure() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work(number: int) -> None:
        if number == 0:
            begun.wait()
            raise ZeroDivisionError
        begun.set()
        sum(range(5_000_000))
        ended.set()

    with ThreadPoolExecutor(2) as threads, worker_pool(None, threads) as pool:
        with pytest.raises(ZeroDivisionError):
            list(run(work_of(work), range(2), pool))
        assert ended.is_set()


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are files on POSIX only")
def test_workers_end_with_an_update_that_is_killed(five: KymDataset, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code = (
        "import sys\n"
        f"from {__name__} import Waiting\n"
        "from kymflow.core.kym_dataset import KymDataset\n"
        "from kymflow_zarr import ZarrDataset\n"
        "KymDataset(ZarrDataset(sys.argv[1])).update_index(Waiting(sys.argv[2]), workers=1)\n"
    )
    arguments = [str(five.dataset.path), str(tmp_path / "pipe")]
    run = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL)
    with (tmp_path / "pipe").open("rb", buffering=0) as pipe:
        assert pipe.read(8) == b"at work\n"
        run.kill()
        run.wait()
        assert select.select([pipe], [], [], 30)[0], "the worker outlives its update"
        assert pipe.read() == b""
