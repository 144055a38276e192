"""Every image of a dataset: which are due, and measure those, here or on any executor."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kymflow.core.errors import check_choice
from kymflow.core.velocity.image import Measured, measure_image
from kymflow.core.velocity.params import VelocityParams
from kymflow.core.velocity.plan import Mode, plan_velocity
from kymflow.core.wording import counted, told
from kymflow.core.workers.job import ImageJob, ImageRun, OnError
from kymflow.core.workers.pool import worker_pool
from kymflow.core.workers.progress import Failure, ProgressCallback
from kymflow_zarr.errors import (
    ArtifactNotFoundError,
    ImageNotFoundError,
)

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)

BATCH = 4
"""Images per batch: one of 30,000 lines takes a second or two."""
FATAL = (
    "whoever measures it dies of it, for lack of memory or by a fault of a library; import it "
    "again, or delete it"
)


@dataclass(frozen=True, slots=True)
class VelocityReport:
    """What one ``velocity_dataset`` did.

    Attributes:
        mode: ``"incremental"`` or ``"replace"``.
        measured: Images whose traces were measured.
        skipped: Images whose traces were measured of these pixels with these params already.
        imported: Images whose traces came from elsewhere, and were left alone.
        without_pixels: Images that have no pixels; nothing of theirs was touched.
        failed: Images that could not be measured; nothing of theirs was touched.
        traces: Traces measured, one per ROI and channel.
        windows: Velocities measured, NaN included.
        failures: The failed images.
        seconds: How long it took, s.
    """

    mode: str
    measured: int
    skipped: int
    imported: int
    without_pixels: int
    failed: int
    traces: int
    windows: int
    failures: tuple[Failure, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """The one line that is logged."""
        return (
            f"velocity mode={self.mode} measured={self.measured} skipped={self.skipped} "
            f"imported={self.imported} without_pixels={self.without_pixels} failed={self.failed} "
            f"traces={self.traces} windows={self.windows}"
        )

    @property
    def sentence(self) -> str:
        """The same for people: ``traces: 4 images measured, 1,200 velocities, 3.1 s``."""
        done = self.measured
        parts = [
            f"{counted(done, 'image')} measured" if done else None,
            f"{self.skipped:,} up to date" if self.skipped or not (done or self.imported) else None,
            f"{self.imported:,} imported" if self.imported else None,
            f"{self.without_pixels:,} without pixels" if self.without_pixels else None,
            f"{self.failed:,} failed" if self.failed else None,
            f"{counted(self.windows, 'window')} in {counted(self.traces, 'trace')}"
            if done
            else None,
        ]
        return told("traces", parts, self.seconds)


def velocity_dataset(
    dataset: ZarrDataset,
    params: VelocityParams | None = None,
    *,
    changes: Mapping[str, Any] | None = None,
    image_ids: Iterable[str] | None = None,
    mode: Mode = "incremental",
    replace_imported: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: ProgressCallback | None = None,
    on_error: OnError = "raise",
) -> VelocityReport:
    """Measure the velocity traces of a dataset's images, from their pixels.

    An image is due if it has no trace, or if its pixels, its ROIs, its scale, the params or the
    version of the analysis are not those that its trace was measured with. Events follow with the
    next ``detect_dataset``, rows of tables with the next ``update_index``.

    Args:
        dataset: The dataset, open for writing.
        params: For every image; if None each keeps its own, or the defaults where it has none.
        changes: Values to change in those params, by key: ``{"window_lines": 32}``.
        image_ids: Touch these images only; every image if None.
        mode: ``"incremental"`` skips images that are not due; ``"replace"`` measures all again.
        replace_imported: Whether to measure images whose traces came from elsewhere, too.
        workers: Measure in this many local processes; in this one if None.
        executor: Measure on this ``concurrent.futures.Executor`` instead.
        progress: Called with a :class:`Progress` after every few images.
        on_error: What to do when an image can't be measured. ``"record"`` finishes all other
            images and lists the failures in the report; ``"raise"`` raises the first. The failed
            image stays as it was either way.

    Returns:
        What was done.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
        ImageNotFoundError: If an image asked for is not in the dataset.
        ParamsError: If a change names no param, or gives it a value it can't have.
        ArtifactError: With ``on_error="raise"``, the first failure.
        WorkerError: If an executor is lost; images done before stay done.
    """
    started = time.perf_counter()
    check_choice("mode", mode, "incremental", "replace")
    check_choice("on_error", on_error, "raise", "record")
    dataset.check_writable("measure velocities")
    plan = plan_velocity(
        dataset, params, changes or {}, image_ids, mode, replace_imported=replace_imported
    )
    images = ImageRun("velocity", on_error, progress, total=len(plan.due), errors={**plan.errors})
    images.raise_first()
    done: list[Measured] = []
    due = ((image_id, _Due(dataset, image_id, own)) for image_id, own in plan.due)
    batches = _MEASUREMENT.batches(dataset, due, BATCH)
    with worker_pool(workers, executor) as pool:
        for batch in images.over(_MEASUREMENT.in_batches(), batches, pool):
            done += [image for image in batch.value or [] if image is not None]
    images.raise_first()
    report = VelocityReport(
        mode=mode,
        measured=len(done),
        skipped=plan.skipped,
        imported=plan.imported,
        without_pixels=plan.without_pixels,
        failed=len(images.errors),
        traces=sum(image.n_traces for image in done),
        windows=sum(image.n_windows for image in done),
        failures=images.failures,
        seconds=time.perf_counter() - started,
    )
    log.info(report.summary)
    return report


@dataclass(frozen=True, slots=True)
class _Due:
    """An image to measure: all that a worker needs to know."""

    dataset: ZarrDataset
    image_id: str
    params: VelocityParams


def _measure(due: _Due) -> Measured | None:
    """Measure an image; one that was deleted meanwhile is passed over."""
    record = due.dataset.record(due.image_id)
    try:
        return measure_image(record, due.params)
    except (ArtifactNotFoundError, ImageNotFoundError):
        if record.exists():
            raise
        return None


_MEASUREMENT = ImageJob(_measure, "measuring the velocities of image_id", FATAL)


def velocity_status(
    dataset: ZarrDataset, *, image_ids: Iterable[str] | None = None
) -> pl.DataFrame:
    """Say what a measurement with each image's own params would do, and why; nothing is changed.

    Args:
        dataset: The dataset.
        image_ids: Only these images; all if None.

    Returns:
        Frame (image_id str, action ``skip``/``update``, reason str), one row per image that has
        pixels or a trace, sorted by image_id. Reasons are those of
        :data:`~kymflow.core.velocity.plan.Reason`.

    Raises:
        ImageNotFoundError: If an image asked for is not in the dataset.
    """
    import polars as pl

    reasons = plan_velocity(dataset, None, {}, image_ids).reasons
    schema = {"image_id": pl.String, "reason": pl.String}
    frame = pl.DataFrame(list(reasons.items()), schema, orient="row").sort("image_id")
    left_alone = pl.col("reason").is_in(["fresh", "imported"])
    action = pl.when(left_alone).then(pl.lit("skip")).otherwise(pl.lit("update"))
    return frame.select("image_id", action.alias("action"), "reason")
