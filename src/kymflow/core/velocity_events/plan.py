"""Which images are due for detection, and with which params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from kymflow.core.artifacts.detection import Detection, read_detections
from kymflow.core.velocity_events.detect import DETECTOR_VERSION
from kymflow.core.velocity_events.image_params import OwnParams, own_params
from kymflow.core.velocity_events.params import EventParams
from kymflow_zarr.errors import ArtifactError
from kymflow_zarr.store import layout
from kymflow_zarr.store.stamps import clock_ns

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

Mode = Literal["incremental", "replace"]
Reason = Literal[
    "fresh",
    "missing",
    "failed",
    "params_changed",
    "version_changed",
    "trace_changed",
    "events_changed",
]
"""Why an image is due for detection, or that it is not. ``events_changed``: another program wrote
events since."""
REASONS: tuple[Reason, ...] = get_args(Reason)


@dataclass(slots=True)
class Plan:
    """What a detection has to do.

    Attributes:
        due: The images to detect, each with its params.
        reasons: Of each image that has a trace.
        skipped: How many images have events made with these params and this detector.
        without_trace: How many images have no trace.
        errors: The error of each image whose params can't be used.
    """

    due: list[tuple[str, EventParams]] = field(default_factory=list)
    reasons: dict[str, Reason] = field(default_factory=dict)
    skipped: int = 0
    without_trace: int = 0
    errors: dict[str, ArtifactError] = field(default_factory=dict)


def make_plan(
    dataset: ZarrDataset,
    image_ids: Sequence[str],
    params: EventParams | None,
    changes: Mapping[str, Any],
    mode: Mode,
) -> Plan:
    """Plan a detection; nothing is changed.

    Args:
        dataset: The dataset.
        image_ids: Images that are in it.
        params: For all of them; if None each keeps its own, or the defaults where it has none.
        changes: Values by key to change in those params.
        mode: Whether images done already are due as well.

    Raises:
        ParamsError: If a change can't be made.
    """
    plan = Plan()
    now = 0 if dataset.read_only else clock_ns(layout.index(dataset.path))
    detections = read_detections(dataset, image_ids, now_ns=now)
    changed: dict[EventParams, EventParams] = {}
    for image_id, own, made in zip(
        image_ids, own_params(dataset, image_ids), detections, strict=True
    ):
        if not made.has_trace:
            plan.without_trace += 1
            continue
        if params is None and isinstance(own.params, ArtifactError):
            plan.errors[image_id] = own.params
            plan.reasons[image_id] = "failed"
            continue
        base = params or (own.params if isinstance(own.params, EventParams) else EventParams())
        if base not in changed:
            changed[base] = base.with_changes(changes)
        reason = _reason(made, own, changed[base])
        plan.reasons[image_id] = reason
        if reason == "fresh" and mode == "incremental":
            plan.skipped += 1
        else:
            plan.due.append((image_id, changed[base]))
    return plan


def _reason(made: Detection, own: OwnParams, wanted: EventParams) -> Reason:
    record = made.record
    if record is None:
        return "missing"
    if record.failed is not None:
        return "failed"
    if own.params != wanted or record.params_hash != own.indexed_as:
        return "params_changed"
    if record.detector_version != DETECTOR_VERSION:
        return "version_changed"
    if not made.same_trace:
        return "trace_changed"
    return "fresh" if made.same_events else "events_changed"
