"""Write what an image is to hold after its files were imported again.

Artifacts are written in place, each atomically, and the metadata last: it brings the new base and
the new hashes of the files into force. Whoever is killed before leaves an image that counts as
changed; merging again gives the same, since what was taken over already is equal on both sides.
Pixels are replaced together with the whole image.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.detection import note_import
from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.lab_folder.base import FOLDER, delete_other_bases
from kymflow.core.lab_folder.contents import Contents
from kymflow.core.lab_folder.reimport import Merged
from kymflow.core.lab_folder.source import Source
from kymflow.core.lab_folder.stored import FILES, ChangedMeanwhileError, Stored, load_stored
from kymflow.core.lab_folder.three_way import ABSENT
from kymflow_zarr.errors import WriteError
from kymflow_zarr.images.artifacts import METADATA

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

_FOLDERS = ("analysis", "analysis_arrays")
_TRIES = 20
_ORDER = (TRACE_ARTIFACT, EVENTS_ARTIFACT, PARAMS_ARTIFACT)
"""Params last: an update of an index in between makes rows that the next one finds stale."""


def revise(
    dataset: ZarrDataset,
    rec: ZarrImageRecord,
    merge: Callable[[Stored], Merged],
    contents: Contents,
) -> Merged:
    """Merge and write, again if somebody else writes an artifact meanwhile.

    Args:
        dataset: The dataset.
        rec: The image in it.
        merge: Merges what it holds with what its files hold.
        contents: What its files hold.

    Raises:
        ImageNotFoundError: If there is no such image any more.
        ArtifactError: If an artifact can't be read.
        ReadOnlyError: If one that is to change lies behind a link out of the dataset.
        WriteError: If others never stop writing.
    """
    for _ in range(_TRIES):
        with rec.lock():
            stored = load_stored(rec)
            merged = merge(stored)
            try:
                if merged.has_new_pixels:
                    _replace(dataset, stored, merged, contents)
                else:
                    _write(stored, rec, merged, contents.source)
            except ChangedMeanwhileError:
                continue
            return merged
    raise WriteError(
        "its artifacts are written by another process all the time; import again when that is done",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
    )


def save_source(rec: ZarrImageRecord, source: Callable[[Source | None], Source]) -> None:
    """Record where an image is now, and change nothing else.

    Args:
        rec: The image.
        source: Returns what is to be recorded in place of what is.

    Raises:
        ArtifactError: If its metadata can't be read.
        WriteError: If others never stop writing it.
    """
    for _ in range(_TRIES):
        with rec.lock():
            stored = load_stored(rec)
            described = source(Source.of(stored.metadata)).to_dict()
            try:
                stored.check(METADATA)
            except ChangedMeanwhileError:
                continue
            rec.save_metadata_payload({**stored.metadata, "source": described})
            return
    raise WriteError(
        "its metadata is written by another process all the time; import again when that is done",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
    )


def _write(stored: Stored, rec: ZarrImageRecord, merged: Merged, source: Source) -> None:
    """Write the artifacts of an image, in place or in the hidden folder it is made in."""
    folders = [_folder(rec, artifact) for artifact in (METADATA, f"{FOLDER}/x", *merged.changes)]
    rec.dataset.check_writable("import an image again", *folders)
    base = merged.base.save(rec)
    outlive_trace = TRACE_ARTIFACT in merged.changes and merged.has_own_events
    if outlive_trace and stored.events is not None:
        note_import(rec, stored.events, stored.events, new_trace=True)
    for artifact in _ORDER:
        if artifact in merged.changes:
            stored.check(artifact)
            value = merged.changes[artifact]
            _save(rec, artifact, value)
            if artifact == EVENTS_ARTIFACT and value is not ABSENT:
                note_import(rec, stored.events, value, new_trace=outlive_trace)
    stored.check(METADATA)
    described = source.succeeding(Source.of(stored.metadata)).with_base(base)
    rec.save_metadata_payload({**merged.metadata, "source": described.to_dict()})
    delete_other_bases(rec, base)


def _replace(dataset: ZarrDataset, stored: Stored, merged: Merged, contents: Contents) -> None:
    """Put an image with other pixels in the place of the old one, with all its artifacts."""
    old = stored.rec
    with dataset.stage_image(old.image_id, replacing=True) as staged:
        before = _look_over(old)
        for name in _FOLDERS:
            if (old.path / name).is_dir():
                shutil.copytree(old.path / name, staged.path / name, symlinks=True)
        staged.save_array(contents.pixels, axes=contents.axes)
        _write(stored, staged, merged, contents.source)
        if _look_over(old) != before:
            raise ChangedMeanwhileError


def _save(rec: ZarrImageRecord, artifact: str, value: Any) -> None:
    if value is ABSENT:
        with rec.noting():
            for name in FILES[artifact]:
                (rec.path / "analysis" / name).unlink(missing_ok=True)
    elif artifact == PARAMS_ARTIFACT:
        rec.save_json(artifact, value)
    else:
        rec.save_df_parquet(artifact, value)


def _folder(rec: ZarrImageRecord, artifact: str) -> Path:
    return rec.artifact_path(artifact, "").parent


def _look_over(rec: ZarrImageRecord) -> dict[str, tuple[int, int, int]]:
    """Look at all files of an image's analyses: (inode, mtime, size) by path."""
    found = {}
    for name in _FOLDERS:
        for place, _, names in os.walk(rec.path / name):
            for each in names:
                status = os.lstat(os.path.join(place, each))
                found[os.path.join(place, each)] = (
                    status.st_ino,
                    status.st_mtime_ns,
                    status.st_size,
                )
    return found
