"""What an image's events were made with: the artifact ``velocity_events/detector``.

It is written last, and names the events file by size and modification time. A run killed before
that, or another tool that wrote the events since, leaves it not matching, and it counts for
nothing. So it need not be durable either.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, TRACE_ARTIFACT
from kymflow_zarr.store.codecs import decode_json
from kymflow_zarr.store.files import temporary_path

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

DETECTION_ARTIFACT = "velocity_events/detector"

FileStamp = tuple[int, int]
_UNSEEN: FileStamp = (-1, -1)
"""Of a file that can't be looked at: it is there, and fails when it is read."""


@dataclass(frozen=True, slots=True)
class DetectionRecord:
    """What the detector made an image's events of.

    Attributes:
        detector_version: Its version.
        params_hash: Hash of the params.
        trace: Size and modification time (ns) of the trace's file.
        events: Likewise of the events' file.
    """

    detector_version: str
    params_hash: str
    trace: FileStamp | None
    events: FileStamp | None

    def save(self, rec: ZarrImageRecord) -> None:
        """Write the artifact."""
        path = rec.artifact_path(DETECTION_ARTIFACT, ".json")
        with temporary_path(path) as temporary:
            temporary.write_text(json.dumps(asdict(self)))
            os.replace(temporary, path)


def read_detections(
    dataset: ZarrDataset, image_ids: Sequence[str]
) -> Iterator[DetectionRecord | None]:
    """Yield what each image's events were made with; None where that is not known."""
    keys = (f"images/{image_id}/analysis/{DETECTION_ARTIFACT}.json" for image_id in image_ids)
    for image_id, blob in zip(image_ids, dataset.get_many(keys), strict=True):
        made = _parsed(blob) if isinstance(blob, bytes) else None
        folder = f"{dataset.path}/images/{image_id}/analysis"
        yield made if made is not None and made.events == events_stamp(folder) else None


def renew_made_with(rec: ZarrImageRecord) -> None:
    """Have what is known of an image's events hold for these as they are now.

    For whoever replaces their trace. After a person judged events, what they were made with no
    longer matches them, and nothing would tell that their trace is gone. An image whose events
    were never detected here is left without.
    """
    key = f"images/{rec.image_id}/analysis/{DETECTION_ARTIFACT}.json"
    for blob in rec.dataset.get_many([key]):
        made = _parsed(blob) if isinstance(blob, bytes) else None
        if made is not None:
            replace(made, events=events_stamp(f"{rec.path}/analysis")).save(rec)


def trace_stamp(folder: str) -> FileStamp | None:
    """Return the size and modification time of the trace in an image's ``analysis`` folder."""
    path = f"{folder}/{TRACE_ARTIFACT}"
    return _stamp(f"{path}.parquet") or _stamp(f"{path}.csv.gz")


def events_stamp(folder: str) -> FileStamp | None:
    """Return the size and modification time of the events in an image's ``analysis`` folder."""
    return _stamp(f"{folder}/{EVENTS_ARTIFACT}.parquet")


def _stamp(path: str) -> FileStamp | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return _UNSEEN
    return status.st_size, status.st_mtime_ns


def _parsed(blob: bytes) -> DetectionRecord | None:
    try:
        value: Any = decode_json(blob)
        return DetectionRecord(
            value["detector_version"],
            value["params_hash"],
            *(None if value[name] is None else tuple(value[name]) for name in ("trace", "events")),
        )
    except (ValueError, KeyError, TypeError):
        return None
