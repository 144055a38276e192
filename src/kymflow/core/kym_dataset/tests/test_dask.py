"""Batches on a Dask cluster: a scheduler and workers that are processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from kymflow.core.errors import WorkerError
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.tests.cluster import cluster
from kymflow.core.kym_dataset.tests.test_executors import Deadly, Faulty, PerImage
from kymflow.core.workers.dask import dask_executor

pytest.importorskip("distributed")
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX"),
]

TABLE = "kym_velocity_events"


class Pausing(PerImage):
    """Says in a pipe that it is at work on an image, and waits, while there is the pipe."""

    name = "pausing"

    def extract_rows(self, rec):
        pipe = rec.path / "pipe"
        if pipe.exists():
            with pipe.open("w") as stream:
                print("at work", file=stream, flush=True)
                threading.Event().wait()
        return super().extract_rows(rec)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    with cluster(workers=2) as (address, _):
        yield address


def test_a_cluster_makes_the_same_table(five: KymDataset, scheduler: str) -> None:
    events = VelocityEventIndexer()
    five.update_index(events)
    alone = five.dataset.load_table(TABLE)
    with dask_executor(scheduler) as executor:
        report = five.update_index(events, executor=executor)
        assert (report.updated, report.rows) == (5, 8)
        assert five.dataset.load_table(TABLE).equals(alone)
        five.update_index(PerImage(), executor=executor)
        assert os.getpid() not in five.dataset.load_table("kym_per_image")["process"].to_list()
        report = five.update_index(Faulty(defect=False), executor=executor, on_error="record")
        assert [(f.image_id, f.artifact, f.code) for f in report.failures] == [
            ("b", "x", "artifact-schema")
        ]
        with pytest.raises(ZeroDivisionError) as caught:
            five.update_index(Faulty(defect=True), executor=executor, on_error="record")
        assert "while extracting image_id d" in caught.value.__notes__


def test_a_batch_whose_worker_is_killed_is_done_by_another(
    five: KymDataset, scheduler: str
) -> None:
    (five.dataset.record("c").path / "lives").write_text("x")
    with dask_executor(scheduler) as executor:
        report = five.update_index(Deadly(), executor=executor)
    assert (report.updated, report.failed) == (5, 0)
    assert (five.dataset.record("c").path / "lives").read_text() == ""


def test_an_image_that_kills_every_worker_is_found(five: KymDataset, scheduler: str) -> None:
    with dask_executor(scheduler) as executor:
        report = five.update_index(Deadly(), executor=executor, on_error="record")
    assert (report.updated, [f.image_id for f in report.failures]) == (4, ["c"])
    assert five.dataset.load_table("kym_deadly")["image_id"].to_list() == list("abde")


def test_a_lost_scheduler_ends_the_run_and_the_next_one_goes_on(five: KymDataset) -> None:
    pipe = five.dataset.record("c").path / "pipe"
    os.mkfifo(pipe)

    def kill_when_at_work(process: subprocess.Popen[str]) -> None:
        with pipe.open("rb", buffering=0) as stream:
            assert stream.read(8) == b"at work\n"
        process.kill()

    with cluster(workers=1) as (address, scheduler), dask_executor(address) as executor:
        killer = threading.Thread(target=kill_when_at_work, args=(scheduler,))
        killer.start()
        with pytest.raises(WorkerError, match="goes on from there"):
            five.update_index(Pausing(), executor=executor)
        killer.join()
    pipe.unlink()
    report = five.update_index(Pausing(), mode="incremental")
    assert (report.updated, report.resumed) == (5, 2)
