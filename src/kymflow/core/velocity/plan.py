"""Which images are due for measuring, and with which params."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from kymflow.core.artifacts.detection import TRACE_FILES, find_file
from kymflow.core.artifacts.measurement import (
    INTERRUPTED,
    VELOCITY_PARAMS_ARTIFACT,
    MeasurementRecord,
    confirmed,
    pixel_files,
    read_measurement,
    read_measurements,
)
from kymflow.core.errors import ParamsError
from kymflow.core.velocity.image import read_regions
from kymflow.core.velocity.measure import VELOCITY_VERSION
from kymflow.core.velocity.params import VelocityParams
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ArtifactSchemaError,
    OutsideError,
    WriteError,
)
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.stamps import clock_ns

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

Mode = Literal["incremental", "replace"]
Reason = Literal[
    "fresh",
    "imported",
    "missing",
    "params_changed",
    "version_changed",
    "regions_changed",
    "pixels_changed",
    "failed",
]
"""Why an image is due for measuring, or that it is not. ``imported``: its trace came from elsewhere
and is left alone; ``regions_changed``: its ROIs or its scale; ``failed``: its params or metadata
can't be used."""
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(slots=True)
class VelocityPlan:
    """What a measurement has to do.

    Attributes:
        due: The images to measure, each with its params.
        skipped: How many images have traces measured of what is there now.
        imported: How many images have traces that came from elsewhere.
        without_pixels: How many images have no pixels.
        reasons: Of each image that has pixels or a trace.
        errors: The error of each image whose params or metadata can't be used.
    """

    due: list[tuple[str, VelocityParams]] = field(default_factory=list)
    skipped: int = 0
    imported: int = 0
    without_pixels: int = 0
    reasons: dict[str, Reason] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)


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
    picked = dataset.pick_image_ids(image_ids)
    records = read_measurements(dataset, picked)
    for (rec, own), record in zip(_with_params(dataset, picked), records, strict=True):
        if params is None and isinstance(own, Exception):
            plan.errors[rec.image_id] = own
            plan.reasons[rec.image_id] = "failed"
            continue
        base = params or (own if isinstance(own, VelocityParams) else VelocityParams())
        if base not in changed:
            changed[base] = base.with_changes(changes)
        try:
            reason = _reason(rec, record, changed[base], now_ns)
        except ArtifactError as error:
            plan.errors[rec.image_id] = error
            plan.reasons[rec.image_id] = "failed"
            continue
        if reason is None:
            plan.without_pixels += 1
            continue
        plan.reasons[rec.image_id] = reason
        if reason == "imported" and not replace_imported:
            plan.imported += 1
        elif reason == "fresh" and mode != "replace":
            plan.skipped += 1
        else:
            plan.due.append((rec.image_id, changed[base]))
    return plan


def _reason(
    rec: ZarrImageRecord, record: MeasurementRecord | None, params: VelocityParams, now_ns: int
) -> Reason | None:
    """Tell why an image is due or is not; None where it has neither pixels nor a trace."""
    trace = find_file(f"{layout.images(rec.dataset.path)}/{rec.image_id}/analysis", TRACE_FILES)
    same_trace = confirmed(record.trace, [trace], now_ns) if record and trace else None
    if trace and same_trace is None and (record is None or record.trace != INTERRUPTED):
        return "imported"
    files = pixel_files(rec.dataset, rec.image_id)
    if not files:
        return None
    if same_trace is None or record is None:
        return "missing"
    if record.params_hash != params.hash:
        return "params_changed"
    if record.velocity_version != VELOCITY_VERSION:
        return "version_changed"
    if record.regions != read_regions(rec).to_dict():
        return "regions_changed"
    same_pixels = confirmed(record.pixels, files, now_ns)
    if same_pixels is None:
        return "pixels_changed"
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
    known: dict[bytes, VelocityParams] = {}
    keys = (f"images/{image_id}/analysis/{VELOCITY_PARAMS_ARTIFACT}.json" for image_id in image_ids)
    for image_id, blob in zip(image_ids, dataset.get_many(keys), strict=True):
        rec = dataset.record(image_id)
        if not isinstance(blob, bytes):
            yield rec, own_velocity_params(rec)
            continue
        if blob not in known:
            try:
                known[blob] = VelocityParams.from_dict(decode_object(blob))
            except (ParamsError, ValueError):
                yield rec, own_velocity_params(rec)
                continue
        yield rec, known[blob]


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
