"""The velocity events of every image, one row an event: table ``kym_velocity_events``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.candidates import tell_candidates
from kymflow.core.artifacts.columns import EVENT_TIMES
from kymflow.core.artifacts.detection import (
    DETECTION_ARTIFACT,
    Detection,
    Failed,
    events_of_older_traces,
    read_detections,
)
from kymflow.core.artifacts.events import (
    COLUMN_ALIASES,
    DEFAULT_PARAMS,
    EVENTS_ARTIFACT,
    PARAMS_ARTIFACT,
    TRACE_ARTIFACT,
)
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.errors import EventsStaleError
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer
from kymflow.core.kym_dataset.indexers.base import DueImages, ExtractedBatch, WatchedFiles
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.errors import ArtifactError

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

    def watched_files(self, store: Store) -> WatchedFiles:
        """Name the params and the events; where there are none, why their detection failed."""
        params, rows = super().watched_files(store)
        return WatchedFiles(params, (*rows, f"analysis/{DETECTION_ARTIFACT}.json"))

    def made_of_older(self, store: Store, image_ids: Sequence[str]) -> Sequence[str]:
        """Name the images whose events were detected in a trace that is no longer there."""
        return events_of_older_traces(store, image_ids)

    def extract_batch(self, dataset: Store, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images."""
        due = DueImages.of(image_ids)
        stale = self._stale(dataset, due)
        batch = super().extract_batch(dataset, due.without(stale))
        rows = batch.rows.with_columns(pl.col(EVENT_TIMES).fill_nan(None))
        told = tell_candidates(rows, partial(self._windows_s, dataset))
        return ExtractedBatch(told, {**batch.errors, **stale}, batch.contents)

    def _windows_s(self, dataset: Store, image_ids: Sequence[str]) -> dict[str, float | None]:
        """Look up how far the detector compared in some images, s; null if it is unknown."""
        windows: dict[str, float | None] = {}
        blobs = self.read_blobs(dataset, image_ids)
        for image_id, blob in zip(image_ids, blobs, strict=True):
            try:
                params = self._params_of(ZarrImageRecord(dataset, image_id), blob) or {}
            except ArtifactError:  # damaged since the survey, so that the next one finds it
                params = {}
            width = params.get("win_cmp_sec")
            windows[image_id] = width if isinstance(width, int | float) else None
        return windows

    def _stale(self, dataset: Store, due: DueImages) -> dict[str, Exception]:
        """Find the images whose events are not of the trace or the params that are there now.

        Events that another program wrote since are that program's, and are taken as they are.
        """
        stale: dict[str, Exception] = {}
        ours: dict[str, Detection] = {}
        for image_id, found in zip(due, read_detections(dataset, due), strict=True):
            failed = found.record.failed if found.record is not None else None
            if found.record is not None and found.same_events:
                ours[image_id] = found
            elif failed is not None and self._rows_file(dataset, image_id) is None:
                stale[image_id] = self._failed_error(dataset, image_id, failed)
        hashes = self._hashes_now(dataset, due, list(ours))
        for image_id, found in ours.items():
            if found.record is not None and found.record.params_hash != hashes[image_id]:
                stale[image_id] = self._stale_error(dataset, image_id, "params", PARAMS_ARTIFACT)
            elif found.has_trace and not found.same_trace:
                stale[image_id] = self._stale_error(dataset, image_id, "trace", TRACE_ARTIFACT)
        return stale

    def _failed_error(self, dataset: Store, image_id: str, failed: Failed) -> EventsStaleError:
        return EventsStaleError(
            f"the detection of its events failed: {failed.message}; see to it, and run "
            f"`kymflow detect`",
            dataset=str(dataset.path),
            image_id=image_id,
            artifact=DETECTION_ARTIFACT,
        )

    def _hashes_now(
        self, dataset: Store, due: DueImages, image_ids: list[str]
    ) -> dict[str, str | None]:
        known = {image_id: due.params_hash(image_id) for image_id in image_ids}
        unknown = [image_id for image_id, hashed in known.items() if hashed is None]
        read = self.params_hashes(dataset, unknown).hashes
        return {**known, **dict(zip(unknown, read, strict=True))}

    def _stale_error(
        self, dataset: Store, image_id: str, what: str, artifact: str
    ) -> EventsStaleError:
        return EventsStaleError(
            f"its {what} changed after its events were made; run `kymflow detect`",
            dataset=str(dataset.path),
            image_id=image_id,
            artifact=artifact,
        )
