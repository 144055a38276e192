"""Batches run on worker processes and on any executor, with the same result as without."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.errors import InvalidIndexerError, WorkerError
from kymflow.core.kym_dataset import BaseIndexer, KymDataset, VelocityEventIndexer, extract
from kymflow.core.kym_dataset.executors import run_in_order
from kymflow_zarr import ArtifactSchemaError, UsageError, ZarrDataset

TABLE = "kym_velocity_events"


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
    """Kills its process at one image."""

    name = "deadly"

    def extract_rows(self, rec):
        if rec.image_id == "c" and not (rec.path / "spared").exists():
            os._exit(9)
        return super().extract_rows(rec)


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


@pytest.fixture
def kym(dataset: ZarrDataset, add_image, monkeypatch) -> KymDataset:
    monkeypatch.setattr(extract, "BATCH", 2)
    for image_id, n_events in zip("abcde", (2, 0, 3, 1, 2), strict=True):
        add_image(image_id, n_events)
    return KymDataset(dataset)


def test_workers_make_the_same_table(kym: KymDataset) -> None:
    events = VelocityEventIndexer()
    kym.update_index(events)
    alone = kym.dataset.load_table(TABLE)
    report = kym.update_index(events, workers=2)
    assert (report.updated, report.rows) == (5, 8)
    assert kym.dataset.load_table(TABLE).equals(alone)


def test_rows_are_made_in_other_processes(kym: KymDataset) -> None:
    kym.update_index(PerImage(), workers=1)
    rows = kym.dataset.load_table("kym_per_image")
    assert rows["image_id"].to_list() == list("abcde")
    assert os.getpid() not in rows["process"].to_list()
    assert kym.update_index(PerImage(), mode="incremental", workers=1).skipped == 5


def test_any_executor_will_do(kym: KymDataset) -> None:
    with ThreadPoolExecutor(2) as threads:
        report = kym.update_index(PerImage(), executor=threads)
        assert report.updated == 5
        assert threads.submit(os.getpid).result() == os.getpid()


def test_failures_cross_processes_with_their_place(kym: KymDataset) -> None:
    report = kym.update_index(Faulty(defect=False), workers=2, on_error="record")
    assert [(f.image_id, f.artifact, f.code) for f in report.failures] == [
        ("b", "x", "artifact-schema")
    ]
    assert (report.updated, report.failed) == (4, 1)


def test_a_defect_in_a_worker_names_its_image(kym: KymDataset) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        kym.update_index(Faulty(defect=True), workers=1, on_error="record")
    assert "while extracting image_id d" in caught.value.__notes__


def test_a_worker_that_dies_is_said_and_costs_no_finished_batch(kym: KymDataset) -> None:
    with pytest.raises(WorkerError, match="run the update again"):
        kym.update_index(Deadly(), workers=1)
    (kym.dataset.record("c").path / "spared").touch()
    report = kym.update_index(Deadly(), mode="incremental")
    assert (report.updated, report.resumed) == (5, 2)


def test_an_indexer_that_can_not_travel_is_refused(kym: KymDataset) -> None:
    class Local(PerImage):
        pass

    with pytest.raises(InvalidIndexerError, match="top level"):
        kym.update_index(Local(), workers=2)
    assert kym.update_index(Local()).updated == 5


def test_senseless_workers_are_refused(kym: KymDataset) -> None:
    with pytest.raises(UsageError, match="1 or more"):
        kym.update_index(PerImage(), workers=0)
    with ThreadPoolExecutor(1) as threads, pytest.raises(UsageError, match="not both"):
        kym.update_index(PerImage(), workers=1, executor=threads)


def test_results_keep_the_order_of_the_tasks() -> None:
    with ThreadPoolExecutor(4) as threads:
        assert list(run_in_order(abs, range(-300, 0), threads)) == list(range(300, 0, -1))


def test_tasks_are_called_off_after_a_failure(tmp_path: Path) -> None:
    def touch(number: int) -> None:
        if number == 0:
            raise ZeroDivisionError
        (tmp_path / str(number)).touch()

    with ThreadPoolExecutor(1) as threads, pytest.raises(ZeroDivisionError):
        list(run_in_order(touch, range(10_000), threads))
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

    with ThreadPoolExecutor(2) as threads:
        with pytest.raises(ZeroDivisionError):
            list(run_in_order(work, range(2), threads))
        assert ended.is_set()


@pytest.mark.skipif(sys.platform == "win32", reason="named pipes are files on POSIX only")
def test_workers_end_with_an_update_that_is_killed(kym: KymDataset, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code = (
        "import sys\n"
        f"from {__name__} import Waiting\n"
        "from kymflow.core.kym_dataset import KymDataset\n"
        "from kymflow_zarr import ZarrDataset\n"
        "KymDataset(ZarrDataset(sys.argv[1])).update_index(Waiting(sys.argv[2]), workers=1)\n"
    )
    arguments = [str(kym.dataset.path), str(tmp_path / "pipe")]
    run = subprocess.Popen([sys.executable, "-c", code, *arguments], stderr=subprocess.DEVNULL)
    with (tmp_path / "pipe").open("rb", buffering=0) as pipe:
        assert pipe.read(8) == b"at work\n"
        run.kill()
        run.wait()
        assert select.select([pipe], [], [], 30)[0], "the worker outlives its update"
        assert pipe.read() == b""
