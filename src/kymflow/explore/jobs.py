"""The steps that the page can run: one at a time, each to be watched and cancelled."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from kymflow.core.errors import check_choice
from kymflow.core.kym_dataset import KymDataset, available_indexers, load_indexer
from kymflow.core.velocity import velocity_dataset
from kymflow.core.velocity_events import detect_dataset
from kymflow.core.workers.progress import Failure, Progress
from kymflow_zarr.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

Told = Iterable[tuple[str, tuple[Failure, ...]]]
"""What a step says of its parts: a line, and the images that failed."""
_Follow = Callable[[Progress], None]
State = Literal["running", "done", "failed", "cancelled"]
_FAILURES = 200


class _Cancelled(Exception):  # noqa: N818 - it is no error
    """Somebody cancelled the step."""


@dataclass(slots=True)
class Job:
    """A step that runs, or has run.

    Attributes:
        step: Which.
        state: Whether it runs, or how it ended.
        stage: What it is at.
        done: Images done at this stage.
        total: Images that the stage has to do.
        lines: What it said of itself.
        failures: The images that failed.
        error: Why it failed as a whole.
    """

    step: str
    state: State = "running"
    stage: str = ""
    done: int = 0
    total: int = 0
    lines: list[str] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    error: dict[str, str] | None = None

    def told(self) -> dict[str, Any]:
        """Say how it stands."""
        return {name: getattr(self, name) for name in self.__slots__}


class Jobs:
    """The steps of one dataset.

    Args:
        dataset: The dataset.

    Attributes:
        last: The step that runs, or ran last; None before the first.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self._dataset = dataset
        self._lock = threading.Lock()
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self.last: Job | None = None

    def start(
        self,
        step: str,
        image_ids: Iterable[str] | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> Job:
        """Start a step.

        Args:
            step: ``velocity``, ``detect`` or ``index``.
            image_ids: Only on these images.
            changes: Params of the detector to change first, by key.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            UsageError: If there is no such step, or one is running.
        """
        check_choice("step", step, "velocity", "detect", "index")
        self._dataset.check_writable(f"run {step}")
        ids = None if image_ids is None else list(image_ids)
        with self._lock:
            if self.last is not None and self.last.state == "running":
                raise UsageError(f"{self.last.step} is running; wait for it, or cancel it")
            self._cancel.clear()
            job = self.last = Job(step)
            work = partial(_STEPS[step], self._dataset, ids, dict(changes or {}))
            self._thread = threading.Thread(target=self._run, args=(job, work), name="kymflow-job")
            self._thread.start()
        return job

    def cancel(self) -> None:
        """Have the running step end before its next batch; what was done stays done."""
        self._cancel.set()

    def close(self) -> None:
        """Cancel the running step and wait for it."""
        self.cancel()
        if self._thread is not None:
            self._thread.join()

    def _run(self, job: Job, work: Callable[[_Follow], Told]) -> None:
        try:
            for line, failures in work(self._follow(job)):
                job.lines.append(line)
                job.failures += [
                    {"image": each.image_id, "code": each.code, "message": each.message}
                    for each in failures[: _FAILURES - len(job.failures)]
                ]
            job.state = "done"
        except _Cancelled:
            job.state = "cancelled"
        except DatasetError as error:
            job.error = {"code": error.code, "message": str(error)}
            job.state = "failed"
        except BaseException as error:  # the page would wait for ever
            job.error = {"code": "dataset-error", "message": f"{type(error).__name__}: {error}"}
            job.state = "failed"
            traceback.print_exc()
            raise

    def _follow(self, job: Job) -> Callable[[Progress], None]:
        def follow(progress: Progress) -> None:
            job.stage, job.done, job.total = progress.stage, progress.done, progress.total
            if self._cancel.is_set():
                raise _Cancelled

        return follow


def _velocity(
    dataset: ZarrDataset, ids: list[str] | None, _: Mapping[str, Any], follow: _Follow
) -> Told:
    report = velocity_dataset(dataset, image_ids=ids, progress=follow, on_error="record")
    yield report.summary, report.failures


def _detect(
    dataset: ZarrDataset, ids: list[str] | None, changes: Mapping[str, Any], follow: _Follow
) -> Told:
    report = detect_dataset(
        dataset, changes=changes, image_ids=ids, progress=follow, on_error="record"
    )
    yield report.summary, report.failures


def _index(
    dataset: ZarrDataset, ids: list[str] | None, _: Mapping[str, Any], follow: _Follow
) -> Told:
    kym = KymDataset(dataset)
    for name in available_indexers():
        report = kym.update_index(
            load_indexer(name),
            mode="incremental",
            image_ids=ids,
            progress=follow,
            on_error="record",
        )
        yield report.summary, report.failures


_STEPS = {"velocity": _velocity, "detect": _detect, "index": _index}
