"""Batches as jobs of submitit, in its local mode: each a process that it starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow.core.job_executor import JobExecutor
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.tests.test_executors import Deadly, Faulty

submitit = pytest.importorskip("submitit")
pytestmark = pytest.mark.long


def test_jobs_make_the_same_table(five: KymDataset, tmp_path: Path) -> None:
    events = VelocityEventIndexer()
    five.update_index(events)
    alone = five.dataset.load_table("kym_velocity_events")
    with JobExecutor(submitit.AutoExecutor(tmp_path / "jobs", cluster="local"), 2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
        assert five.update_index(events, executor=executor).updated == 5
    assert five.dataset.load_table("kym_velocity_events").equals(alone)


def test_failures_and_defects_come_from_jobs_as_they_are(five: KymDataset, tmp_path: Path) -> None:
    with JobExecutor(submitit.LocalExecutor(tmp_path / "jobs")) as executor:
        report = five.update_index(Faulty(defect=False), executor=executor, on_error="record")
        assert [(f.image_id, f.artifact, f.code) for f in report.failures] == [
            ("b", "x", "artifact-schema")
        ]
        with pytest.raises(ZeroDivisionError) as caught:
            five.update_index(Faulty(defect=True), executor=executor, on_error="record")
        assert "while extracting image_id d" in caught.value.__notes__
        with pytest.raises(submitit.core.utils.FailedJobError):
            executor.submit(int, "none").result()


def test_a_job_that_dies_is_done_again(five: KymDataset, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(submitit.LocalJob, "_results_timeout_s", 0)
    (five.dataset.record("c").path / "lives").write_text("x")
    with JobExecutor(submitit.LocalExecutor(tmp_path / "jobs")) as executor:
        report = five.update_index(Deadly(), executor=executor)
        assert (report.updated, report.failed) == (5, 0)
        (five.dataset.record("c").path / "lives").unlink()
        report = five.update_index(Deadly(), executor=executor, on_error="record")
    assert (report.updated, [f.image_id for f in report.failures]) == (4, ["c"])
