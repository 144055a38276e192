"""Bring one image of a lab folder into a dataset, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.contents import Contents, read_contents
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.fingerprint import FATAL
from kymflow.core.lab_folder.metadata import Hints
from kymflow.core.lab_folder.reading import broken
from kymflow.core.lab_folder.reimport import Merged, merge_contents
from kymflow.core.lab_folder.revision import revise, save_source
from kymflow.core.lab_folder.source import (
    Source,
    changed_endings,
    check_unchanged,
    describe_source,
    relocated,
)
from kymflow.core.lab_folder.three_way import Clash
from kymflow.core.workers.job import ImageJob
from kymflow_zarr.errors import (
    ArtifactError,
    ImageNotFoundError,
    OutsideError,
    ReadOnlyError,
    UsageError,
)

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

_FAILS_ALONE = (
    SourceFileError,
    ArtifactError,
    ImageNotFoundError,
    OutsideError,
    ReadOnlyError,
    UsageError,
)


@dataclass(frozen=True, slots=True)
class Task:
    """An image to bring in: all that a worker needs to know.

    Attributes:
        image: The image.
        root: The folder that its path is to be relative to.
        dataset: Where it goes.
        pixels: The hash that its pixels must have, None if that was not looked at.
        known: What the dataset says of the image that it is, None if it is new.
        image_id: That image.
        is_moved: Whether it is to be recorded where it is now.
        is_merged: Whether what its files hold is to be merged if it changed.
        hints: What is known of it from outside its own files.
    """

    image: LabImage
    root: Path
    dataset: ZarrDataset
    pixels: str | None = None
    known: Source | None = None
    image_id: str | None = None
    is_moved: bool = False
    is_merged: bool = False
    hints: Hints = field(default_factory=Hints)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a task.

    Attributes:
        task: The task.
        image_id: The image's id.
        is_merged: Whether what its files hold was merged.
        changed: Which of its files hold something else than was imported.
        has_new_pixels: Whether its pixels were replaced.
        clashes: What was changed on both sides, each with the artifact it is in.
        notes: What its files leave open or contradict.
    """

    task: Task
    image_id: str
    is_merged: bool = False
    changed: frozenset[str] = frozenset()
    has_new_pixels: bool = False
    clashes: tuple[tuple[str, Clash], ...] = ()
    notes: tuple[str, ...] = ()


def _import(task: Task) -> Imported:
    """Bring an image in; this runs here or in a worker."""
    if task.image_id is None:
        return _add(task)
    if task.is_moved and not task.is_merged:
        return _move(task, task.dataset.record(task.image_id))
    return _merge(task, task.dataset.record(task.image_id))


IMPORT = ImageJob(_import, "importing", FATAL, failures=_FAILS_ALONE)


def _add(task: Task) -> Imported:
    """Add a new image."""
    contents = _read(task)
    with task.dataset.stage_image() as staged:
        staged.save_array(contents.pixels, axes=contents.axes)
        if contents.trace is not None:
            staged.save_df_parquet(TRACE_ARTIFACT, contents.trace)
        if contents.events is not None:
            staged.save_df_parquet(EVENTS_ARTIFACT, contents.events.rows)
        if contents.params is not None:
            staged.save_json(PARAMS_ARTIFACT, contents.params)
        source = replace(contents.source, base=contents.base().save(staged))
        staged.save_metadata_payload({**contents.metadata, "source": source.to_dict()})
    return Imported(task, staged.image_id, notes=contents.notes)


def _move(task: Task, rec: ZarrImageRecord) -> Imported:
    """Record where an image is now; its companions are compared, and left if they differ."""
    now = describe_source(task.image, task.root)
    check_unchanged(now)
    if task.pixels is not None:
        now = replace(now, pixels=task.pixels)
    save_source(rec, partial(_moved_here, now=now))
    return Imported(task, rec.image_id, changed=_changed(task, now))


def _moved_here(old: Source | None, now: Source) -> Source:
    """Return the record of an image that was found here; of one without a record, of its TIFF."""
    if old is None:
        return replace(now, files=now.files[:1])
    moved = relocated(old, now)
    return moved if moved.pixels or not now.pixels else replace(moved, pixels=now.pixels)


def _merge(task: Task, rec: ZarrImageRecord) -> Imported:
    """Merge what an image's files hold with what the image holds."""
    contents = _read(task, rec)
    changed = _changed(task, contents.source)
    if not changed:
        return _move(task, rec)
    merged: Merged = revise(task.dataset, rec, partial(merge_contents, theirs=contents), contents)
    return Imported(
        task,
        rec.image_id,
        is_merged=True,
        changed=changed,
        has_new_pixels=merged.has_new_pixels,
        clashes=tuple(merged.clashes),
        notes=contents.notes,
    )


def _changed(task: Task, now: Source) -> frozenset[str]:
    return frozenset(now.by_ending if task.known is None else changed_endings(task.known, now))


def _read(task: Task, rec: ZarrImageRecord | None = None) -> Contents:
    hints = task.hints if rec is None else task.hints.or_as_given(rec.load_metadata_payload())
    contents = read_contents(task.image, task.root, hints)
    if task.pixels not in (None, contents.source.pixels):
        raise broken(task.image.tif, "it changed while it was imported; import again")
    return contents
