"""Import a lab folder into a dataset: what is new, and on request what changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.errors import SourceFileError
from kymflow.core.event_schema import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.lab_folder.discover import LabImage, find_images
from kymflow.core.lab_folder.events import Events, read_events
from kymflow.core.lab_folder.metadata import build_metadata
from kymflow.core.lab_folder.pixels import read_pixels
from kymflow.core.lab_folder.source import KnownSources, describe_source, same_source
from kymflow.core.lab_folder.traces import read_trace
from kymflow_zarr.errors import ArtifactError, ArtifactSchemaError, InvalidNameError, first_line
from kymflow_zarr.names import check_artifact_name

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

AXES = ("t", "x")
ImportProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. Paths are relative to the folder.

    Attributes:
        added: New images: path and image_id.
        updated: Images imported again because their files changed: path and image_id.
        skipped: Images already there.
        changed: Images whose files changed, left as they are.
        failed: Images that could not be imported and folders that could not be listed: path and
            message.
    """

    added: list[tuple[str, str]] = field(default_factory=list)
    updated: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)


def import_folder(
    folder: str | Path,
    dataset: ZarrDataset,
    *,
    changed: bool = False,
    progress: ImportProgress | None = None,
) -> ImportReport:
    """Import the images of a lab folder.

    Every image comes in whole or not at all. One already there is skipped: its path, sizes,
    modification times and content hashes are in its metadata. A broken file is reported and does
    not stop the rest.

    Args:
        folder: The lab folder.
        dataset: The dataset, open for writing.
        changed: Whether to import images again whose files changed. The image keeps its id and
            the artifacts that did not come from the folder.
        progress: Called with (done, total, path) before each image and once at the end.

    Returns:
        What was done.

    Raises:
        NotFoundError: If there is no such folder.
        UsageError: If it is not a folder.
        ReadOnlyError: If the dataset is open for reading only.
    """
    dataset.check_writable("import a lab folder")
    root = Path(folder).resolve()
    report = ImportReport()
    images = find_images(root, lambda error: report.failed.append(_unreadable(error, root)))
    known = KnownSources(dataset)
    for number, image in enumerate(images):
        if progress:
            progress(number, len(images), image.path)
        try:
            _import_one(image, root, dataset, known, report, changed=changed)
        except (SourceFileError, ArtifactError) as error:
            report.failed.append((image.path, error.message))
    if progress:
        progress(len(images), len(images), "")
    return report


def _unreadable(error: OSError, root: Path) -> tuple[str, str]:
    folder = Path(error.filename)
    path = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
    return path, f"this folder can't be listed: {error.strerror}; its images are left out"


def _import_one(
    image: LabImage,
    root: Path,
    dataset: ZarrDataset,
    known: KnownSources,
    report: ImportReport,
    *,
    changed: bool,
) -> None:
    image_id = known.find(image, root)
    if image_id is None:
        report.added.append((image.path, _write(image, root, dataset, None)))
    elif same_source(image, root, known.sources[image_id]):
        report.skipped.append(image.path)
    elif changed:
        report.updated.append((image.path, _write(image, root, dataset, image_id)))
    else:
        report.changed.append(image.path)


def _write(image: LabImage, root: Path, dataset: ZarrDataset, replaced: str | None) -> str:
    pixels = read_pixels(image.tif)
    source = describe_source(image, root)
    metadata = build_metadata(image, pixels.shape, source)
    trace = read_trace(image.trace) if image.trace else None
    events = read_events(image.events) if image.events else None
    with dataset.stage_image(replaced, replacing=replaced is not None) as staged:
        if replaced is not None:
            _keep_own_artifacts(dataset.record(replaced), staged)
        staged.save_array(pixels, axes=AXES)
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
    return staged.image_id


def _save_events(staged: ZarrImageRecord, events: Events) -> None:
    staged.save_df_parquet(EVENTS_ARTIFACT, events.rows)
    if events.params is not None:
        staged.save_json(PARAMS_ARTIFACT, dict(events.params))


def _keep_own_artifacts(old: ZarrImageRecord, staged: ZarrImageRecord) -> None:
    """Carry over the artifacts of an image that did not come from its folder."""
    for folder in ("analysis", "analysis_arrays"):
        if (old.path / folder).is_dir():
            shutil.copytree(old.path / folder, staged.path / folder, symlinks=True)
    for key in _brought(old):
        (staged.path / "analysis" / key).unlink(missing_ok=True)


def _brought(old: ZarrImageRecord) -> list[str]:
    """Return the artifacts that an image's import brought."""
    source = old.load_metadata_payload().get("source")
    try:
        keys = source.get("artifacts", []) if isinstance(source, dict) else []
        return [check_artifact_name(key) for key in keys]
    except (TypeError, InvalidNameError) as error:
        raise ArtifactSchemaError(
            f"its metadata names no artifacts of its own under 'artifacts' ({first_line(error)}); "
            f"mend that list",
            dataset=str(old.dataset.path),
            image_id=old.image_id,
            artifact="metadata",
        ) from error
