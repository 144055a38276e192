"""Batches as jobs of submitit, in its local mode: each a process that it starts."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import submitit

from kymflow.core.job_executor import JobExecutor
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer, extract
from kymflow.core.kym_dataset.tests.test_executors import Deadly, Faulty
from kymflow_zarr import ZarrDataset


@pytest.fixture
def kym(dataset: ZarrDataset, add_image, monkeypatch) -> KymDataset:
    monkeypatch.setattr(extract, "BATCH", 3)
    for image_id, n_events in zip("abcde", (2, 0, 3, 1, 2), strict=True):
        add_image(image_id, n_events)
    return KymDataset(dataset)


def test_jobs_make_the_same_table(kym: KymDataset, tmp_path: Path) -> None:
    events = VelocityEventIndexer()
    kym.update_index(events)
    alone = kym.dataset.load_table("kym_velocity_events")
    with JobExecutor(submitit.AutoExecutor(tmp_path / "jobs", cluster="local"), 2) as executor:
        assert executor.submit(os.getpid).result() != os.getpid()
        assert kym.update_index(events, executor=executor).updated == 5
    assert kym.dataset.load_table("kym_velocity_events").equals(alone)


@pytest.mark.long
def test_failures_and_defects_come_from_jobs_as_they_are(kym: KymDataset, tmp_path: Path) -> None:
    with JobExecutor(submitit.LocalExecutor(tmp_path / "jobs")) as executor:
        report = kym.update_index(Faulty(defect=False), executor=executor, on_error="record")
        assert [(f.image_id, f.artifact, f.code) for f in report.failures] == [
            ("b", "x", "artifact-schema")
        ]
        with pytest.raises(ZeroDivisionError) as caught:
            kym.update_index(Faulty(defect=True), executor=executor, on_error="record")
        assert "while extracting image_id d" in caught.value.__notes__
        with pytest.raises(submitit.core.utils.FailedJobError):
            executor.submit(int, "none").result()


@pytest.mark.long
def test_a_job_that_dies_is_done_again(kym: KymDataset, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(submitit.LocalJob, "_results_timeout_s", 0)
    (kym.dataset.record("c").path / "lives").write_text("x")
    with JobExecutor(submitit.LocalExecutor(tmp_path / "jobs")) as executor:
        report = kym.update_index(Deadly(), executor=executor)
        assert (report.updated, report.failed) == (5, 0)
        (kym.dataset.record("c").path / "lives").unlink()
        report = kym.update_index(Deadly(), executor=executor, on_error="record")
    assert (report.updated, [f.image_id for f in report.failures]) == (4, ["c"])
