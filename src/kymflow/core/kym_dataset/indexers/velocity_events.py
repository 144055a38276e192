"""The velocity events of every image, one row an event: table ``kym_velocity_events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.detection import read_detections
from kymflow.core.artifacts.events import (
    COLUMN_ALIASES,
    DEFAULT_PARAMS,
    EVENT_SCHEMA,
    EVENTS_ARTIFACT,
    PARAMS_ARTIFACT,
)
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer
from kymflow.core.kym_dataset.indexers.base import DueImages, ExtractedBatch
from kymflow_zarr.errors import ArtifactSchemaError

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store


class VelocityEventIndexer(ArtifactIndexer):
    """Index the velocity events of each image.

    Reads the params at ``velocity_events/params`` and the events at ``velocity_events/events``,
    or at ``velocity_events`` in datasets of the earlier kymflow. Where the detector made the
    events with other params than those, the image fails until it is detected again: its rows
    would bear the hash of params they were not made with.
    """

    name = "velocity_events"
    version: ClassVar[str] = "kymflow.velocity_events@0.1"
    params_artifact: ClassVar[str] = PARAMS_ARTIFACT
    default_params: ClassVar[Mapping[str, Any]] = DEFAULT_PARAMS
    rows_artifacts: ClassVar[tuple[str, ...]] = (EVENTS_ARTIFACT, "velocity_events")
    schema: ClassVar[Mapping[str, pl.DataType]] = EVENT_SCHEMA
    aliases: ClassVar[Mapping[str, str]] = COLUMN_ALIASES

    def extract_batch(self, dataset: Store, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images."""
        due = DueImages.of(image_ids)
        outdated = self._made_with_other_params(dataset, due)
        batch = super().extract_batch(dataset, due.without(outdated))
        return ExtractedBatch(batch.rows, {**batch.errors, **outdated}, batch.contents)

    def _made_with_other_params(self, dataset: Store, due: DueImages) -> dict[str, Exception]:
        made = {
            image_id: known.params_hash
            for image_id, known in zip(due, read_detections(dataset, due), strict=True)
            if known is not None and known.params_hash != due.params_hash(image_id)
        }
        now = self.params_hashes(dataset, list(made)).hashes
        return {
            image_id: ArtifactSchemaError(
                "its params were changed after its events were made; run `kymflow detect`",
                dataset=str(dataset.path),
                image_id=image_id,
                artifact=PARAMS_ARTIFACT,
            )
            for (image_id, then), hashed in zip(made.items(), now, strict=True)
            if hashed != then
        }
