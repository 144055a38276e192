"""Every image of a dataset: which are due, detect those, here or on any executor."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from kymflow.core.errors import WorkerError
from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
from kymflow.core.kym_dataset.kym_dataset import KymDataset
from kymflow.core.velocity_events.image import Detected, detect_image
from kymflow.core.velocity_events.params import EventParams
from kymflow.core.velocity_events.plan import Mode, Plan, make_plan
from kymflow.core.velocity_events.report import DetectReport
from kymflow.core.workers.pool import run, worker_pool
from kymflow.core.workers.progress import Failure, Progress, ProgressCallback
from kymflow.core.workers.work import Work, check_in_reach
from kymflow_zarr.errors import ArtifactError, DatasetError, ImageNotFoundError, UsageError
from kymflow_zarr.store.names import check_image_id

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)

BATCH = 16
FATAL = (
    "whoever detects its events dies of it, for lack of memory or by a fault of a library; repair "
    "its trace, or delete it"
)


@dataclass(frozen=True, slots=True)
class _Task:
    """Some images to detect: all that a worker needs to know."""

    dataset: ZarrDataset
    due: list[tuple[str, EventParams]]


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a task."""

    images: list[Detected]
    errors: dict[str, DatasetError]


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
    on_error: Literal["raise", "record"] = "raise",
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
    if mode not in ("incremental", "replace"):
        raise UsageError(f"mode must be one of incremental, replace, not {mode!r}")
    if on_error not in ("raise", "record"):
        raise UsageError(f"on_error must be one of raise, record, not {on_error!r}")
    dataset.check_writable("detect events")
    plan = make_plan(dataset, _present(dataset, image_ids), params, changes or {}, mode)
    if on_error == "raise":
        _raise_first(plan.errors)
    done: list[Detected] = []
    errors: dict[str, DatasetError] = dict(plan.errors)
    # Marked before, lest a killed run leave rows of old events that count as fresh; and after, for
    # an update of the index that ran meanwhile.
    _mark(dataset, plan.unnoticed)
    try:
        with worker_pool(workers, executor) as pool:
            for batch in run(_DETECTION, _tasks(dataset, plan), pool):
                done += batch.images
                errors |= batch.errors
                if progress:
                    count = len(done) + len(errors) - len(plan.errors)
                    progress(Progress("detect", count, len(plan.due)))
                if on_error == "raise":
                    _raise_first(batch.errors)
    finally:
        _mark(dataset, plan.unnoticed.intersection(image.image_id for image in done))
    done.sort(key=lambda image: image.image_id)  # they came as they were done
    report = DetectReport(
        mode=mode,
        detected=len(done),
        skipped=plan.skipped,
        without_trace=plan.without_trace,
        failed=len(errors),
        traces=sum(image.n_traces for image in done),
        events=sum(image.n_events for image in done),
        moved=sum(image.moved for image in done),
        kept=tuple(event for image in done for event in image.kept),
        failures=tuple(Failure.of(image_id, error) for image_id, error in sorted(errors.items())),
        seconds=time.perf_counter() - started,
    )
    log.info(report.summary)
    return report


def _tasks(dataset: ZarrDataset, plan: Plan) -> Iterable[_Task]:
    for start in range(0, len(plan.due), BATCH):
        yield _Task(dataset, plan.due[start : start + BATCH])


def _halves(task: _Task) -> list[_Task]:
    half = len(task.due) // 2
    return [replace(task, due=due) for due in (task.due[:half], task.due[half:]) if half]


def _given_up(task: _Task) -> _Done:
    [(image_id, _)] = task.due
    error = WorkerError(FATAL, dataset=str(task.dataset.path), image_id=image_id)
    return _Done([], {image_id: error})


def _detect(task: _Task) -> _Done:
    """Detect one task's images; this runs here or in a worker."""
    check_in_reach(task.dataset)
    done = _Done([], {})
    for image_id, params in task.due:
        try:
            done.images.append(detect_image(task.dataset.record(image_id), params))
        except ArtifactError as error:
            done.errors[image_id] = error
        except Exception as error:
            error.add_note(f"while detecting the events of image_id {image_id}")
            raise
    return done


_DETECTION = Work(_detect, _halves, _given_up)


def _present(dataset: ZarrDataset, image_ids: Iterable[str] | None) -> list[str]:
    if image_ids is None:
        return dataset.list_image_ids()
    asked = sorted({check_image_id(image_id) for image_id in image_ids})
    for image_id in asked:
        if not dataset.has_image(image_id):
            raise ImageNotFoundError(
                "there is no such image", dataset=str(dataset.path), image_id=image_id
            )
    return asked


def _mark(dataset: ZarrDataset, image_ids: Iterable[str]) -> None:
    KymDataset(dataset).mark_outdated(VelocityEventIndexer(), sorted(image_ids))


def _raise_first(errors: Mapping[str, Exception]) -> None:
    for error in errors.values():
        raise error
