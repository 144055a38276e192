"""One image: from its trace to its events, its params, and what they were made with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.artifacts.detection import (
    EVENTS_FILES,
    TRACE_FILES,
    DetectionRecord,
    FileStamp,
    find_file,
    read_detections,
    stamp_file,
    written_events,
    written_of,
)
from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.artifacts.trace import OWNER, bad_trace
from kymflow.core.artifacts.trace import load_trace as load_trace
from kymflow.core.errors import TraceError
from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
from kymflow.core.review.carry_over import Decided, Merged, Owner, Row, id_of, merge_reviewed
from kymflow.core.review.decision import Decision
from kymflow.core.review.event_rows import frame_of, reviewable
from kymflow.core.review.external import Written, reconciled
from kymflow.core.review.journal import Journal
from kymflow.core.velocity_events.detect import DETECTOR_VERSION, find_events
from kymflow.core.velocity_events.image_params import own_params
from kymflow.core.velocity_events.params import EventParams
from kymflow.core.velocity_events.report import KeptEvent
from kymflow.core.velocity_events.trace import Trace
from kymflow_zarr.errors import ArtifactNotFoundError
from kymflow_zarr.store.stamps import Signature, signature

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord


@dataclass(frozen=True, slots=True)
class Detected:
    """What the detection of one image did.

    Attributes:
        image_id: The image.
        n_traces: How many ROIs and channels were searched.
        n_events: Events it has now.
        moved: New events that took over a person's work.
        kept: Old events that stay as they were, other than those that a person added.
        external: Events that another program had changed, added or deleted; what it did is in the
            journal now.
    """

    image_id: str
    n_traces: int
    n_events: int
    moved: int
    kept: tuple[KeptEvent, ...]
    external: int


def detect_image(rec: ZarrImageRecord, params: EventParams) -> Detected:
    """Detect the events of one image and write them.

    The events are written first, then the params, then what they were made with, each atomically:
    a run killed between leaves no new params beside old events, and is not taken for done.

    Args:
        rec: The image.
        params: The params.

    Raises:
        ArtifactNotFoundError: If the image has no trace.
        ArtifactUnreadableError: If an artifact can't be read.
        ArtifactSchemaError: If the trace is none.
    """
    with rec.lock():
        return _detect_locked(rec, params)


def _detect_locked(rec: ZarrImageRecord, params: EventParams) -> Detected:
    folder = f"{rec.path}/analysis"
    [before] = read_detections(rec.dataset, [rec.image_id])
    trace = _stamp(folder, TRACE_FILES)  # before it is read: one that is replaced is seen
    found = search(rec, load_trace(rec), params)
    merged, external = _save_events(rec, folder, found, params)
    [own] = own_params(rec.dataset, [rec.image_id])
    indexed_as = own.indexed_as
    if own.params != params or indexed_as is None:
        rec.save_json(PARAMS_ARTIFACT, params.to_dict())
        indexed_as = params.hash
    events = _stamp(folder, EVENTS_FILES)
    if trace is not None and events is not None:
        DetectionRecord(
            DETECTOR_VERSION,
            indexed_as,
            trace,
            events,
            written_of(merged.events),
            before.earlier_events(events),
        ).save(rec)
    return Detected(
        rec.image_id,
        len(found),
        merged.events.height,
        merged.moved,
        tuple(
            KeptEvent.of(rec.image_id, row, merged.beside.get(id_of(row))) for row in merged.kept
        ),
        len({change.key for decision in external for change in decision.changes}),
    )


def search(
    rec: ZarrImageRecord, trace: pl.DataFrame, params: EventParams
) -> dict[Owner, list[Row]]:
    """Find the events of every ROI and channel of a trace; nothing is written.

    Raises:
        ArtifactSchemaError: If the trace is none.
    """
    found: dict[Owner, list[Row]] = {}
    for (roi_id, channel), part in trace.partition_by(*OWNER, as_dict=True).items():
        try:
            events = find_events(Trace.of(part["time"], part["velocity"]), params)
        except TraceError as error:
            raise bad_trace(rec, f"ROI {roi_id}, channel {channel}: {error.message}") from error
        owner = {"roi_id": roi_id, "channel": channel}
        found[roi_id, channel] = [{**owner, **event} for event in events]
    return found


def _save_events(
    rec: ZarrImageRecord, folder: str, found: Mapping[Owner, list[Row]], params: EventParams
) -> tuple[Merged, list[Decision]]:
    """Write the events, with what people added to the old ones, up to the last moment.

    What another program did to them goes into the journal first.
    """
    new = [event for events in found.values() for event in events]
    journal = Journal(rec.dataset)
    decisions = journal.of_image(rec.image_id)
    written = written_events(rec)
    while True:
        before = _signature(folder)
        old = _old_events(rec)
        reviewed, external = _as_decided(rec, old, decisions, written)
        merged = merge_reviewed(
            reviewed,
            new,
            found.keys(),
            reach=params.win_cmp_sec,
            decided=Decided.of(rec.image_id, [*decisions, *external]),
        )
        if _signature(folder) == before:  # else another program wrote meanwhile
            break
    for decision in external:
        journal.record(decision)
    if before is None or not merged.events.equals(old):
        rec.save_df_parquet(EVENTS_ARTIFACT, merged.events)
    return merged, external


def _stamp(folder: str, names: Sequence[str]) -> FileStamp | None:
    path = find_file(folder, names)
    try:
        return None if path is None else stamp_file(path)
    except OSError:
        return None


def _signature(folder: str) -> Signature | None:
    path = find_file(folder, EVENTS_FILES)
    try:
        return None if path is None else signature(path)
    except OSError:
        return None


def _as_decided(
    rec: ZarrImageRecord,
    old: pl.DataFrame,
    decisions: Sequence[Decision],
    written: Written | None,
) -> tuple[pl.DataFrame, list[Decision]]:
    """Give the old events as the journal has them, and what it lacks of other programs' work.

    Frames that nobody decided on stay as they are.
    """
    known = reviewable(old)
    rows, external = reconciled(rec.image_id, known.to_dicts(), decisions, written)
    if not decisions and not external:
        return old, []
    return frame_of(rows, known.schema), external


def _old_events(rec: ZarrImageRecord) -> pl.DataFrame:
    try:
        return VelocityEventIndexer().read_rows(rec).drop("image_id")
    except ArtifactNotFoundError:
        return pl.DataFrame(schema=EVENT_SCHEMA)
