"""Every image of a dataset: which are due, and measure those, here or on any executor."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from kymflow.core.artifacts.detection import TRACE_FILES, find_file
from kymflow.core.artifacts.measurement import (
    INTERRUPTED,
    VELOCITY_PARAMS_ARTIFACT,
    MeasurementRecord,
    confirmed,
    pixel_files,
    read_measurement,
)
from kymflow.core.errors import ParamsError, check_choice
from kymflow.core.velocity.image import Measured, measure_image, read_regions
from kymflow.core.velocity.measure import VELOCITY_VERSION
from kymflow.core.velocity.params import VelocityParams
from kymflow.core.workers.job import ImageJob, ImageRun, OnError
from kymflow.core.workers.pool import worker_pool
from kymflow.core.workers.progress import Failure, ProgressCallback
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ImageNotFoundError,
    OutsideError,
    WriteError,
)
from kymflow_zarr.store import layout
from kymflow_zarr.store.stamps import clock_ns

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

log = logging.getLogger(__name__)

Mode = Literal["incremental", "replace"]
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


@dataclass(slots=True)
class VelocityPlan:
    """What a measurement has to do.

    Attributes:
        due: The images to measure, each with its params.
        skipped: How many images have traces measured of what is there now.
        imported: How many images have traces that came from elsewhere.
        without_pixels: How many images have no pixels.
        errors: The error of each image whose params or metadata can't be used.
    """

    due: list[tuple[str, VelocityParams]] = field(default_factory=list)
    skipped: int = 0
    imported: int = 0
    without_pixels: int = 0
    errors: dict[str, Exception] = field(default_factory=dict)


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


def plan_velocity(
    dataset: ZarrDataset,
    params: VelocityParams | None,
    changes: Mapping[str, Any],
    image_ids: Iterable[str] | None = None,
    mode: Mode = "incremental",
    *,
    replace_imported: bool = False,
) -> VelocityPlan:
    """Plan a measurement; nothing is changed. See :func:`velocity_dataset`."""
    plan = VelocityPlan()
    now_ns = 0 if dataset.read_only else clock_ns(layout.index(dataset.path))
    changed: dict[VelocityParams, VelocityParams] = {}
    for rec, own in _with_params(dataset, dataset.pick_image_ids(image_ids)):
        if params is None and isinstance(own, Exception):
            plan.errors[rec.image_id] = own
            continue
        base = params or (own if isinstance(own, VelocityParams) else VelocityParams())
        if base not in changed:
            changed[base] = base.with_changes(changes)
        try:
            verdict = _judged(rec, changed[base], now_ns)
        except ArtifactError as error:
            plan.errors[rec.image_id] = error
            continue
        if (
            verdict == "due"
            or (verdict == "fresh" and mode == "replace")
            or (verdict == "imported" and replace_imported)
        ):
            plan.due.append((rec.image_id, changed[base]))
        elif verdict == "imported":
            plan.imported += 1
        elif verdict == "fresh":
            plan.skipped += 1
        else:
            plan.without_pixels += 1
    return plan


def _judged(
    rec: ZarrImageRecord, params: VelocityParams, now_ns: int
) -> Literal["due", "fresh", "imported", "without_pixels"]:
    trace = find_file(f"{rec.path}/analysis", TRACE_FILES)
    record = read_measurement(rec.dataset, rec.image_id)
    same_trace = confirmed(record.trace, [trace], now_ns) if record and trace else None
    if trace and same_trace is None and (record is None or record.trace != INTERRUPTED):
        return "imported"
    files = pixel_files(rec.dataset, rec.image_id)
    if not files:
        return "without_pixels"
    if (
        same_trace is None
        or record is None
        or record.velocity_version != VELOCITY_VERSION
        or record.params_hash != params.hash
        or record.regions != read_regions(rec).to_dict()
    ):
        return "due"
    same_pixels = confirmed(record.pixels, files, now_ns)
    if same_pixels is None:
        return "due"
    _refresh(rec, record, replace(record, pixels=same_pixels, trace=same_trace))
    return "fresh"


def _refresh(rec: ZarrImageRecord, record: MeasurementRecord, now: MeasurementRecord) -> None:
    """Keep new signatures, which spare reading the files again."""
    if now == record or rec.dataset.read_only:
        return
    # Without the record the files are read again next time, which is all that this is about.
    with suppress(WriteError, OutsideError, ArtifactError), rec.lock():
        if read_measurement(rec.dataset, rec.image_id) == record:
            now.save(rec)


def _with_params(
    dataset: ZarrDataset, image_ids: Sequence[str]
) -> Iterator[tuple[ZarrImageRecord, VelocityParams | Exception | None]]:
    for image_id in image_ids:
        rec = dataset.record(image_id)
        yield rec, own_velocity_params(rec)


def own_velocity_params(rec: ZarrImageRecord) -> VelocityParams | ArtifactError | None:
    """Load the params that an image's trace was measured with; None if it has none."""
    try:
        value = rec.load_json(VELOCITY_PARAMS_ARTIFACT)
        return VelocityParams.from_dict(value)
    except ArtifactNotFoundError:
        return None
    except ArtifactError as error:
        return error
    except (ParamsError, json.JSONDecodeError) as error:
        return ArtifactSchemaError(
            f"the params can't be used: {error}; correct the file",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact=VELOCITY_PARAMS_ARTIFACT,
        )


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
