"""What a job over many images does around its batches, whatever it does with an image."""

from __future__ import annotations

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from kymflow.core.errors import ErrorCode
from kymflow.core.workers.job import ImageJob, ImageRun
from kymflow.core.workers.pool import worker_pool
from kymflow.core.workers.progress import Progress
from kymflow_zarr import ArtifactSchemaError, DatasetNotFoundError, UsageError, ZarrDataset

FATAL = "whoever doubles it dies of it"


def double(number: int) -> int:
    if number < 0:
        raise ArtifactSchemaError("it is negative")
    if number == 99:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 13:
        raise ZeroDivisionError
    return 2 * number


JOB = ImageJob(double, "doubling", FATAL)


def done(
    dataset: ZarrDataset, numbers: list[int], run: ImageRun, size: int = 2, workers=None
) -> list[int]:
    items = [(f"i{place}", number) for place, number in enumerate(numbers)]
    run.total = len(items)
    with worker_pool(workers, None) as pool:
        batches = JOB.batches(dataset, items, size)
        results = [batch.value or [] for batch in run.over(JOB.in_batches(), batches, pool)]
    return sorted(value for values in results for value in values)


def test_a_bad_image_fails_alone_and_the_others_are_done(dataset: ZarrDataset) -> None:
    steps: list[Progress] = []
    run = ImageRun("detect", "record", steps.append)
    assert done(dataset, [1, -1, 2, 3, 4], run) == [2, 4, 6, 8]
    run.raise_first()
    assert [(f.image_id, f.code) for f in run.failures] == [("i1", ErrorCode.ARTIFACT_SCHEMA)]
    assert steps == [Progress("detect", n, 5) for n in (2, 4, 5)]


def test_to_raise_is_to_stop_after_the_batch(dataset: ZarrDataset) -> None:
    run = ImageRun("detect", "raise")
    assert done(dataset, [1, 2, -1, 3, 4, 5], run) == [2, 4, 6]
    with pytest.raises(ArtifactSchemaError, match="negative"):
        run.raise_first()
    with pytest.raises(UsageError, match="on_error must be one of raise, record"):
        ImageRun("detect", "ignore")  # type: ignore[arg-type]


def test_any_other_error_ends_the_run_and_names_the_image(dataset: ZarrDataset) -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        done(dataset, [1, 13], ImageRun("detect", "record"))
    assert "while doubling i1" in caught.value.__notes__


def test_images_that_failed_before_are_not_counted_as_done(dataset: ZarrDataset) -> None:
    steps: list[Progress] = []
    before = {"x": ArtifactSchemaError("bad before")}
    run = ImageRun("detect", "record", steps.append, errors=before)
    assert done(dataset, [1, -1], run) == [2]
    assert steps == [Progress("detect", 2, 2)]
    assert [failure.image_id for failure in run.failures] == ["i1", "x"]


def test_a_worker_that_does_not_see_the_dataset_does_nothing(dataset: ZarrDataset) -> None:
    dataset.path.rename(dataset.path.with_name("elsewhere"))
    with ThreadPoolExecutor(1) as threads, worker_pool(None, threads) as pool:
        batches = JOB.batches(dataset, [("i", 1)], 1)
        with pytest.raises(DatasetNotFoundError, match="can't see the dataset"):
            list(ImageRun("detect", "record").over(JOB.in_batches(), batches, pool))


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_an_image_that_kills_its_worker_is_found_in_its_batch(dataset: ZarrDataset) -> None:
    run = ImageRun("detect", "record")
    assert done(dataset, [1, 2, 99, 4, 5], run, size=5, workers=1) == [2, 4, 8, 10]
    [failure] = run.failures
    assert (failure.image_id, failure.code, failure.message) == ("i2", ErrorCode.WORKER, FATAL)


def test_batches_are_cut_no_faster_than_they_are_asked_for(dataset: ZarrDataset) -> None:
    asked: list[int] = []
    items = ((str(n), asked.append(n) or n) for n in range(100))
    batches = JOB.batches(dataset, items, 3)
    first = next(batches)
    assert (first.names, len(asked)) == (["0", "1", "2"], 3)
    assert [half.names for half in first.halves()] == [["0"], ["1", "2"]]
    assert first.halves()[0].halves() == []
