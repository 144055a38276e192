"""Which images are due for detection, and with which params."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from kymflow.core.artifacts.detection import read_detections, trace_stamp
from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
from kymflow.core.velocity_events.detect import DETECTOR_VERSION
from kymflow.core.velocity_events.image_params import own_params
from kymflow.core.velocity_events.params import EventParams
from kymflow_zarr.errors import ArtifactError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

Mode = Literal["incremental", "replace"]


@dataclass(slots=True)
class Plan:
    """What a detection has to do.

    Attributes:
        due: The images to detect, each with its params.
        unnoticed: Those due whose params hash stays as it is, so that the index would take their
            rows for fresh.
        skipped: How many images have events made with these params and this detector.
        without_trace: How many images have no trace.
        errors: The error of each image whose params can't be used.
    """

    due: list[tuple[str, EventParams]] = field(default_factory=list)
    unnoticed: set[str] = field(default_factory=set)
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
    hashes = VelocityEventIndexer().params_hashes(dataset, image_ids).hashes
    made = read_detections(dataset, image_ids)
    changed: dict[EventParams, EventParams] = {}
    for image_id, own, made_with, indexed_as in zip(
        image_ids, own_params(dataset, image_ids), made, hashes, strict=True
    ):
        trace = trace_stamp(f"{dataset.path}/images/{image_id}/analysis")
        if trace is None:
            plan.without_trace += 1
            continue
        if params is None and isinstance(own, ArtifactError):
            plan.errors[image_id] = own
            continue
        base = params or (own if isinstance(own, EventParams) else EventParams())
        if base not in changed:
            changed[base] = base.with_changes(changes)
        wanted = changed[base]
        settled = own == wanted
        fresh = (
            settled
            and made_with is not None
            and made_with.detector_version == DETECTOR_VERSION
            and made_with.trace == trace
            and made_with.params_hash == indexed_as
        )
        if fresh and mode == "incremental":
            plan.skipped += 1
            continue
        plan.due.append((image_id, wanted))
        if settled or indexed_as == wanted.hash:
            plan.unnoticed.add(image_id)
    return plan
