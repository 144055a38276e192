"""The velocity events of every image, one row an event: table ``kym_velocity_events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.detection import read_detections, trace_stamp
from kymflow.core.artifacts.events import (
    COLUMN_ALIASES,
    DEFAULT_PARAMS,
    EVENT_SCHEMA,
    EVENTS_ARTIFACT,
    PARAMS_ARTIFACT,
)
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer
from kymflow.core.kym_dataset.indexers.base import ExtractedBatch
from kymflow_zarr.errors import ArtifactSchemaError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


class VelocityEventIndexer(ArtifactIndexer):
    """Index the velocity events of each image.

    Reads the params at ``velocity_events/params`` and the events at ``velocity_events/events``,
    or at ``velocity_events`` in datasets of the earlier kymflow. Where the detector made the
    events with other params than those, or in another trace than there is, the image fails until
    it is detected again: its rows would bear the hash of params they were not made with.
    """

    name = "velocity_events"
    version: ClassVar[str] = "kymflow.velocity_events@0.1"
    params_artifact: ClassVar[str] = PARAMS_ARTIFACT
    default_params: ClassVar[Mapping[str, Any]] = DEFAULT_PARAMS
    rows_artifacts: ClassVar[tuple[str, ...]] = (EVENTS_ARTIFACT, "velocity_events")
    schema: ClassVar[Mapping[str, pl.DataType]] = EVENT_SCHEMA
    aliases: ClassVar[Mapping[str, str]] = COLUMN_ALIASES

    def extract_batch(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images."""
        outdated = self._outdated(dataset, image_ids)
        batch = super().extract_batch(dataset, [i for i in image_ids if i not in outdated])
        return ExtractedBatch(batch.rows, {**batch.errors, **outdated})

    def _outdated(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> dict[str, Exception]:
        made = {
            image_id: known
            for image_id, known in zip(image_ids, read_detections(dataset, image_ids), strict=True)
            if known is not None
        }
        now = self.params_hashes(dataset, list(made)).hashes
        outdated: dict[str, Exception] = {}
        for (image_id, known), hashed in zip(made.items(), now, strict=True):
            trace = trace_stamp(f"{dataset.path}/images/{image_id}/analysis")
            changed = "params were changed" if hashed != known.params_hash else ""
            if known.trace != trace:
                changed = "trace was replaced"
            if changed:
                outdated[image_id] = ArtifactSchemaError(
                    f"its {changed} after its events were made; run `kymflow detect`",
                    dataset=str(dataset.path),
                    image_id=image_id,
                    artifact=EVENTS_ARTIFACT if known.trace != trace else PARAMS_ARTIFACT,
                )
        return outdated
