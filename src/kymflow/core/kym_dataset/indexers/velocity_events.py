"""The velocity events of every image, one row an event: table ``kym_velocity_events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.candidates import tell_candidates
from kymflow.core.artifacts.detection import read_detections
from kymflow.core.artifacts.events import (
    COLUMN_ALIASES,
    DEFAULT_PARAMS,
    EVENT_SCHEMA,
    EVENT_TIMES,
    EVENTS_ARTIFACT,
    PARAMS_ARTIFACT,
)
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer
from kymflow.core.kym_dataset.indexers.base import ExtractedBatch
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.errors import ArtifactError, ArtifactSchemaError

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store


class VelocityEventIndexer(ArtifactIndexer):
    """Index the velocity events of each image.

    Reads the params at ``velocity_events/params`` and the events at ``velocity_events/events``,
    or at ``velocity_events`` in datasets of the earlier kymflow. Where the detector made the
    events with other params than those, the image fails until it is detected again: its rows
    would bear the hash of params they were not made with.

    A time of NaN becomes null. ``candidate`` is told where the artifact does not say it, see
    :mod:`kymflow.core.artifacts.candidates`; that is derived from the other columns, so that rows
    made before there was such a column are as fresh as they were.
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
        outdated = self._made_with_other_params(dataset, image_ids)
        batch = super().extract_batch(dataset, [i for i in image_ids if i not in outdated])
        rows = batch.rows.with_columns(pl.col(EVENT_TIMES).fill_nan(None))
        told = tell_candidates(rows, partial(self._windows_s, dataset))
        return ExtractedBatch(told, {**batch.errors, **outdated})

    def _windows_s(self, dataset: Store, image_ids: Sequence[str]) -> dict[str, float | None]:
        """Look up how far the detector compared in some images, s; null where it is not known."""
        windows: dict[str, float | None] = {}
        for image_id, blob in zip(image_ids, self._blobs(dataset, image_ids), strict=True):
            try:
                params = self._params_of(ZarrImageRecord(dataset, image_id), blob) or {}
            except ArtifactError:  # damaged since the survey, so that the next one finds it
                params = {}
            width = params.get("win_cmp_sec")
            windows[image_id] = width if isinstance(width, int | float) else None
        return windows

    def _made_with_other_params(
        self, dataset: Store, image_ids: Sequence[str]
    ) -> dict[str, Exception]:
        made = {
            image_id: known.params_hash
            for image_id, known in zip(image_ids, read_detections(dataset, image_ids), strict=True)
            if known is not None
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
