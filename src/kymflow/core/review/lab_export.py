"""Write events as a lab folder's own ``*_events.json`` files, version 2.0.

Times, labels and notes are under the names that the lab's program knows. What it has no name for
(ids that are not the place in the list, rejected, edited, further columns) is written only where
there is something to say, so that events nobody touched give the file that they came from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.detection import EVENTS_FILES, find_file
from kymflow.core.artifacts.events import COLUMN_ALIASES, PARAMS_ARTIFACT
from kymflow.core.artifacts.trace import OWNER, load_trace
from kymflow.core.errors import ReviewError
from kymflow.core.review.event_rows import load_events
from kymflow.core.review.external import plain
from kymflow_zarr.errors import ArtifactNotFoundError
from kymflow_zarr.store.files import write_atomic

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

_COLUMNS = (
    *("event_type", "i_start", "i_peak", "i_end", "t_start_s", "peak_t_s", "t_end_s", "score"),
    *("baseline_before", "baseline_after", "strength", "nan_fraction", "n_valid", "duration_s"),
    *("machine_type", "user_type", "note", "channel"),
)
_NAMES = {new: old for old, new in COLUMN_ALIASES.items()}


def export_events(
    dataset: ZarrDataset,
    folder: Path,
    *,
    image_ids: Iterable[str] | None = None,
    replace: bool = False,
) -> list[Path]:
    """Write the events of images as a lab folder has them.

    Args:
        dataset: The dataset; reading it is enough.
        folder: Where to; the files get the places that they have in the lab folder.
        image_ids: Of these images; of all that have events if None.
        replace: Whether files that are there may be replaced.

    Returns:
        The files written.

    Raises:
        ReviewError: If a file is there already, two images would have the same, or an image asked
            for does not come from a lab folder; nothing is written then.
        ArtifactError: If events can't be read.
    """
    contents: dict[Path, bytes] = {}
    for image_id in sorted(dataset.list_image_ids() if image_ids is None else set(image_ids)):
        rec = dataset.record(image_id)
        if find_file(f"{rec.path}/analysis", EVENTS_FILES) is None:
            continue
        path = folder / _place(rec)
        if path in contents:
            raise ReviewError(f"two images would be written to {path}", image_id=image_id)
        if path.exists() and not replace:
            raise ReviewError(f"{path} is there already; allow it to be replaced, or name another "
                              "folder", image_id=image_id)  # fmt: skip
        contents[path] = json.dumps(events_file(rec), indent=2, ensure_ascii=False).encode()
    for path, content in contents.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, content)
    return list(contents)


def events_file(rec: ZarrImageRecord) -> dict[str, Any]:
    """Give the content of an image's events file.

    Where nothing was found, the ROIs searched have empty lists.
    """
    by_roi: dict[str, list[dict[str, Any]]] = {}
    for row in load_events(rec).to_dicts():
        events = by_roi.setdefault(f"{row['roi_id']}:{row['channel']}", [])
        events.append(_event(plain(row), len(events)))
    if not by_roi:  # an empty object would say that the search was never run
        by_roi = {key: [] for key in _searched(rec)}
    content: dict[str, Any] = {"version": "2.0", "velocity_events": by_roi}
    with suppress(ArtifactNotFoundError):
        content["params"] = rec.load_json(PARAMS_ARTIFACT)
    return content


def _event(row: dict[str, Any], place: int) -> dict[str, Any]:
    event = {_NAMES.get(name, name): row.pop(name) for name in _COLUMNS}
    del row["roi_id"]
    if row["event_id"] == str(place):
        del row["event_id"]
    told = {n: value for n, value in row.items() if value is not None and value is not False}
    return {**event, **told}


def _searched(rec: ZarrImageRecord) -> list[str]:
    try:
        owners = load_trace(rec).select(*OWNER).unique(maintain_order=True)
    except ArtifactNotFoundError:
        return []
    return [f"{roi_id}:{channel}" for roi_id, channel in owners.iter_rows()]


def _place(rec: ZarrImageRecord) -> Path:
    source = rec.load_metadata_payload().get("source")
    told = source.get("path") if isinstance(source, dict) else None
    file = PurePosixPath(told) if isinstance(told, str) else PurePosixPath(f"{rec.image_id}.tif")
    if file.is_absolute() or ".." in file.parts:
        raise ReviewError(f"its file {told!r} lies outside of the folder", image_id=rec.image_id)
    return Path(file.parent, "flow-analysis", f"{file.stem}_events.json")
