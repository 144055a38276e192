"""Every image of a dataset: which are due, detect those, here or on any executor."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.detection import Failed, record_failure
from kymflow.core.errors import check_choice
from kymflow.core.velocity_events.detect import DETECTOR_VERSION
from kymflow.core.velocity_events.image import Detected, detect_image
from kymflow.core.velocity_events.params import EventParams
from kymflow.core.velocity_events.plan import Mode, make_plan
from kymflow.core.velocity_events.report import DetectReport
from kymflow.core.workers.job import ImageJob, ImageRun, OnError
from kymflow.core.workers.pool import worker_pool
from kymflow.core.workers.progress import Failure, ProgressCallback
from kymflow_zarr.errors import (
    ArtifactError,
    NotFoundError,
    OutsideError,
    WriteError,
)

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)

BATCH = 16
FATAL = (
    "whoever detects its events dies of it, for lack of memory or by a fault of a library; repair "
    "its trace, or delete it"
)


def detect_dataset(
    dataset: ZarrDataset,
    params: EventParams | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    image_ids: Iterable[str] | None = None,
    mode: Mode = "incremental",
    workers: int | None = None,
    executor: Executor | None = None,
    progress: ProgressCallback | None = None,
    on_error: OnError = "raise",
) -> DetectReport:
    """Detect the velocity events of a dataset's images, from their traces.

    An image's new events take the place of the old ones, but what people added to those stays:
    see :mod:`kymflow.core.review.carry_over`. Rows of tables follow with the next
    ``update_index`` of the indexer ``velocity_events``.

    Args:
        dataset: The dataset, open for writing.
        params: For every image; if None each keeps its own, or the defaults where it has none.
        changes: Values to change in those params, by key: ``{"mad_k": 4.0}``,
            ``{"nan_gap.enter_frac": 0.5}``.
        image_ids: Touch these images only; every image if None.
        mode: ``"incremental"`` skips images whose events were made of this trace with these params
            and this version of the detector; ``"replace"`` makes all again.
        workers: Detect in this many local processes; in this one if None.
        executor: Detect on this ``concurrent.futures.Executor`` instead.
        progress: Called with a :class:`Progress` after every few images.
        on_error: What to do when an image's trace, events or params are unreadable or of the wrong
            schema. ``"record"`` finishes all other images and lists the failures in the report;
            ``"raise"`` raises the first. The failed image stays as it was either way.

    Returns:
        What was done.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
        ImageNotFoundError: If an image asked for is not in the dataset.
        ParamsError: If a change names no param, or gives it a value it can't have.
        ArtifactError: With ``on_error="raise"``, the first failure.
        WorkerError: If an executor is lost; images done before stay done. With
            ``on_error="raise"``, also if an image kills the worker that searches it.
    """
    started = time.perf_counter()
    check_choice("mode", mode, "incremental", "replace")
    check_choice("on_error", on_error, "raise", "record")
    dataset.check_writable("detect events")
    plan = make_plan(dataset, dataset.pick_image_ids(image_ids), params, changes or {}, mode)
    images = ImageRun("detect", on_error, progress, total=len(plan.due), errors={**plan.errors})
    images.raise_first()
    done: list[Detected] = []
    due = ((image_id, _Due(dataset, image_id, own)) for image_id, own in plan.due)
    batches = _DETECTION.batches(dataset, due, BATCH)
    with worker_pool(workers, executor) as pool:
        for batch in images.over(_DETECTION.in_batches(), batches, pool):
            done += [image for image in batch.value or [] if image is not None]
    for image_id, error in images.errors.items():
        _record_failure(dataset, image_id, error)
    images.raise_first()
    done.sort(key=lambda image: image.image_id)  # they came as they were done
    report = DetectReport(
        mode=mode,
        detected=len(done),
        skipped=plan.skipped,
        without_trace=plan.without_trace,
        failed=len(images.errors),
        traces=sum(image.n_traces for image in done),
        events=sum(image.n_events for image in done),
        moved=sum(image.moved for image in done),
        kept=tuple(event for image in done for event in image.kept),
        external=sum(image.external for image in done),
        failures=images.failures,
        seconds=time.perf_counter() - started,
    )
    log.info(report.summary)
    return report


@dataclass(frozen=True, slots=True)
class _Due:
    """An image to detect: all that a worker needs to know."""

    dataset: ZarrDataset
    image_id: str
    params: EventParams


def _detect(due: _Due) -> Detected | None:
    """Detect an image; one that was deleted meanwhile is passed over."""
    record = due.dataset.record(due.image_id)
    try:
        return detect_image(record, due.params)
    except (NotFoundError, WriteError):
        if record.exists():
            raise
        return None


def _record_failure(dataset: ZarrDataset, image_id: str, error: Exception) -> None:
    """Note why an image failed, where that can be written."""
    failure = Failure.of(image_id, error)
    with suppress(OutsideError, WriteError, ArtifactError):
        record_failure(
            dataset.record(image_id), DETECTOR_VERSION, Failed(failure.code, failure.message)
        )


_DETECTION = ImageJob(_detect, "detecting the events of image_id", FATAL)


def detection_status(
    dataset: ZarrDataset, *, image_ids: Iterable[str] | None = None
) -> pl.DataFrame:
    """Say what a detection with each image's own params would do, and why; nothing is changed.

    Args:
        dataset: The dataset.
        image_ids: Only these images; all if None.

    Returns:
        Frame (image_id str, action ``skip``/``update``, reason str), one row per image that has
        a trace, sorted by image_id. Reasons are those of
        :data:`~kymflow.core.velocity_events.plan.Reason`.

    Raises:
        ImageNotFoundError: If an image asked for is not in the dataset.
    """
    import polars as pl

    reasons = make_plan(dataset, dataset.pick_image_ids(image_ids), None, {}, "incremental").reasons
    schema = {"image_id": pl.String, "reason": pl.String}
    frame = pl.DataFrame(list(reasons.items()), schema, orient="row").sort("image_id")
    action = pl.when(pl.col("reason") == "fresh").then(pl.lit("skip")).otherwise(pl.lit("update"))
    return frame.select("image_id", action.alias("action"), "reason")
