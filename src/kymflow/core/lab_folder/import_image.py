"""Bring one image of a lab folder into a dataset, whole or not at all."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.artifacts.metadata import fields_set_by_hand, with_fields
from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.events import Events, read_events
from kymflow.core.lab_folder.metadata import Hints, build_metadata
from kymflow.core.lab_folder.pixels import read_kymograph
from kymflow.core.lab_folder.source import describe_source
from kymflow.core.lab_folder.traces import read_trace
from kymflow.core.workers.job import ImageJob
from kymflow_zarr.errors import ArtifactError, ArtifactSchemaError, InvalidNameError, OutsideError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.names import check_artifact_name

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

FATAL = (
    "whoever imports it dies of it, for lack of memory or by a fault of a library; repair its "
    "files, or move them away"
)


@dataclass(frozen=True, slots=True)
class Task:
    """An image to bring in: all that a worker needs to know.

    Attributes:
        image: The image.
        root: The lab folder.
        dataset: Where it goes.
        replaced: The id of the image that it takes the place of, None if it is new.
        hints: What is known of it from outside its own files.
    """

    image: LabImage
    root: Path
    dataset: ZarrDataset
    replaced: str | None
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a task.

    Attributes:
        task: The task.
        image_id: The image's id.
        notes: What its files leave open or contradict.
    """

    task: Task
    image_id: str
    notes: tuple[str, ...]


def _import(task: Task) -> Imported:
    """Bring an image in; this runs here or in a worker."""
    image_id, notes = _write(task)
    return Imported(task, image_id, tuple(notes))


IMPORT = ImageJob(
    _import, "importing", FATAL, failures=(SourceFileError, ArtifactError, OutsideError)
)


def _write(task: Task) -> tuple[str, list[str]]:
    image, dataset, replaced = task.image, task.dataset, task.replaced
    kymograph = read_kymograph(image.tif)
    source = describe_source(image, task.root)
    metadata = build_metadata(image, kymograph, source, task.hints)
    trace = read_trace(image.trace) if image.trace else None
    events = read_events(image.events) if image.events else None
    with dataset.stage_image(replaced, replacing=replaced is not None) as staged:
        if replaced is not None:
            old = dataset.record(replaced)
            _keep_own_artifacts(old, staged)
            if by_hand := fields_set_by_hand(old):
                metadata = with_fields(metadata, by_hand, old)
        staged.save_array(kymograph.pixels, axes=kymograph.axes)
        if trace is not None:
            staged.save_df_parquet(TRACE_ARTIFACT, trace)
        if events is not None:
            _save_events(staged, events)
        source["artifacts"] = [
            name
            for name, brought in (
                (f"{TRACE_ARTIFACT}.parquet", trace is not None),
                (f"{EVENTS_ARTIFACT}.parquet", events is not None),
                (f"{PARAMS_ARTIFACT}.json", events is not None and events.params is not None),
            )
            if brought
        ]
        staged.save_metadata_payload(metadata)
    return staged.image_id, metadata["import_notes"]


def _save_events(staged: ZarrImageRecord, events: Events) -> None:
    staged.save_df_parquet(EVENTS_ARTIFACT, events.rows)
    if events.params is not None:
        staged.save_json(PARAMS_ARTIFACT, dict(events.params))


def _keep_own_artifacts(old: ZarrImageRecord, staged: ZarrImageRecord) -> None:
    """Carry over the artifacts of an image that did not come from its folder."""
    for folder in ("analysis", "analysis_arrays"):
        if (old.path / folder).is_dir():
            shutil.copytree(old.path / folder, staged.path / folder, symlinks=True)
    for key in _imported(old):
        staged.delete_file(key)


def _imported(old: ZarrImageRecord) -> list[str]:
    """Return the artifacts that an image's import brought."""
    source = old.load_metadata_payload().get("source")
    try:
        keys = source.get("artifacts", []) if isinstance(source, dict) else []
        return [check_artifact_name(key) for key in keys]
    except (TypeError, InvalidNameError) as error:
        raise ArtifactSchemaError(
            f"its metadata names no artifacts of its own under 'artifacts' ({first_line(error)}); "
            f"repair that list",
            dataset=str(old.dataset.path),
            image_id=old.image_id,
            artifact="metadata",
        ) from error
