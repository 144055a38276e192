"""Trying the detector's params: what they would change, before they do."""

from __future__ import annotations

import random
from typing import Any

from kymflow.core.artifacts.image_names import source_path
from kymflow.core.queries.images import select_images
from kymflow.core.velocity_events import (
    EventParams,
    get_params,
    preview_detection,
)
from kymflow.explore.api.endpoint import Asked, reads, writes
from kymflow.explore.workspace import Workspace
from kymflow_zarr.errors import ArtifactError, DatasetError, UsageError

MOST_IMAGES = 200
_FATES = ("kept", "moved", "new", "gone")


def _params(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    """List the params, with the values that an image has, or their defaults."""
    image = asked.optional("image")
    own = EventParams() if image is None else get_params(workspace.record(image, None))
    values = _flat(own.to_dict())
    return {
        "params": [
            {
                "key": spec.key,
                "value": values[spec.key],
                "default": spec.default,
                "unit": spec.unit,
                "meaning": spec.meaning,
                "range": spec.range,
                "high": None if spec.high == float("inf") else spec.high,
                "whole": spec.whole,
            }
            for spec in EventParams.specs()
        ]
    }


def _preview(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    changes = asked.mapping("params")
    EventParams().with_changes(changes)  # refused as a whole before any image is read
    ids = _chosen(workspace, asked)
    images: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    for image_id in ids:
        if asked.cancelled.is_set():
            break
        record = workspace.dataset.record(image_id)
        try:
            preview = preview_detection(record, get_params(record).with_changes(changes))
        except ArtifactError as error:
            failed.append({"image": image_id, "message": error.message})
            continue
        images.append(
            {
                "image": image_id,
                "path": source_path(workspace.dataset, image_id),
                **{fate: preview.count(fate) for fate in _FATES},  # type: ignore[arg-type]
                "verdicts_moved": preview.verdicts_moved,
                "verdicts_kept": preview.verdicts_kept,
                "events": list(preview.events) if len(ids) == 1 else [],
            }
        )
    names = (*_FATES, "verdicts_moved", "verdicts_kept")
    totals = {name: sum(int(each[name]) for each in images) for name in names}
    return {"images": images, "failed": failed, "totals": totals}


def _apply(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    changes = asked.mapping("params")
    ids = _chosen(workspace, asked)
    return workspace.jobs.start("detect", ids, changes).told()


def _chosen(workspace: Workspace, asked: Asked) -> list[str]:
    """Return the images that are asked for: one, or a sample by seed."""
    image = asked.optional("image")
    if image is not None:
        return [workspace.record(image, None).image_id]
    where, size = asked.optional("where"), asked.whole("sample", 20)
    if not 1 <= size <= MOST_IMAGES:
        raise UsageError(f"a sample has 1 to {MOST_IMAGES} images, not {size}")
    try:
        known = select_images(workspace.dataset, where or "true")
    except DatasetError:
        if where is not None:
            raise
        known = workspace.dataset.list_image_ids()
    rng = random.Random(asked.whole("seed", 0))  # noqa: S311 (a sample, not a secret)
    return sorted(rng.sample(sorted(known), min(size, len(known))))


def _flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


READS = [reads("/api/params", _params), reads("/api/preview", _preview)]
WRITES = [writes("/api/apply", _apply)]
