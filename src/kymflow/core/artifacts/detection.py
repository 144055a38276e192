"""What an image's events were made of: the artifact ``velocity_events/detector``.

It is written last. The hashes of the trace and of the events tell whether it still speaks of what
is there, also in a copy; the signatures beside them only spare reading the files. So the record
need not be durable: one that is lost or damaged makes the image due for detection.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import polars.selectors as cs

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, TRACE_ARTIFACT
from kymflow_zarr.errors import WriteError
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_json
from kymflow_zarr.store.files import temporary_path
from kymflow_zarr.store.stamps import Signature, hash_file, signature

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord
    from kymflow_zarr.store.store import Store

DETECTION_ARTIFACT = "velocity_events/detector"
TRACE_FILES = (f"{TRACE_ARTIFACT}.parquet", f"{TRACE_ARTIFACT}.csv.gz")
"""Files of a trace, relative to ``analysis``: the first that is there counts."""
EVENTS_FILES = (f"{EVENTS_ARTIFACT}.parquet",)
"""File that the detector writes."""


WRITTEN = (
    *("roi_id", "channel", "event_id", "event_type", "t_start_s", "peak_t_s", "t_end_s"),
    *("user_type", "note", "rejected", "edited"),
)
"""Columns of events that people and other programs may change."""


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file as it was.

    Attributes:
        content: The hash of its bytes, in hexadecimal.
        signature: Its signature, None if it was not at rest then.
    """

    content: str
    signature: Signature | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """Why the last detection failed.

    Attributes:
        code: The error's code.
        message: What it said.
    """

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class DetectionRecord:
    """What the detector made an image's events of.

    Attributes:
        detector_version: Its version.
        params_hash: Hash of the params; None if it never made events of the image.
        trace: The trace's file, likewise.
        events: The events' file, as the detector or a reviewer last wrote it, likewise.
        written: The events in it, as far as people and other programs may change them: what is
            otherwise in the file is the work of another program.
        failed: Why the last detection failed; the rest is of the last one that did not.
    """

    detector_version: str
    params_hash: str | None = None
    trace: FileStamp | None = None
    events: FileStamp | None = None
    written: Sequence[Mapping[str, Any]] = ()
    failed: Failed | None = None

    def save(self, rec: ZarrImageRecord) -> None:
        """Write the artifact.

        Raises:
            OutsideError: If its place lies behind a link out of the dataset.
            ImageNotFoundError: If the image is gone.
        """
        path = rec.artifact_path(DETECTION_ARTIFACT, ".json")
        rec.check_exists()
        rec.dataset.check_writable("save what the events were made with", path.parent)
        with rec.noting():
            _write(self, path)


@dataclass(frozen=True, slots=True)
class Detection:
    """A detection record held against the files that are there now.

    Attributes:
        record: The record, None if there is none that can be read.
        same_trace: Whether the trace is the one that the events were made of.
        same_events: Whether the events are those last written.
        has_trace: Whether there is a trace.
    """

    record: DetectionRecord | None
    same_trace: bool
    same_events: bool
    has_trace: bool


def read_detections(
    dataset: Store, image_ids: Sequence[str], *, now_ns: int = 0
) -> Iterator[Detection]:
    """Yield what each image's events were made of, held against what is there now.

    Args:
        dataset: The dataset; nothing is written if it is open for reading only.
        image_ids: The images.
        now_ns: The file system's clock before this call, ns. If given, records whose files were
            read though they had not changed, as after a copy, get the new signatures.
    """
    keys = (f"images/{image_id}/analysis/{DETECTION_ARTIFACT}.json" for image_id in image_ids)
    root = f"{layout.images(dataset.path)}/"
    for image_id, blob in zip(image_ids, dataset.get_many(keys), strict=True):
        folder = f"{root}{image_id}/analysis"
        trace = find_file(folder, TRACE_FILES)
        found = _parsed(blob, folder) if isinstance(blob, bytes) else None
        if found is None:
            yield Detection(None, same_trace=False, same_events=False, has_trace=trace is not None)
            continue
        same_trace, trace_now = _held_against(found.trace, trace, now_ns)
        same_events, events_now = _held_against(
            found.events, find_file(folder, EVENTS_FILES), now_ns
        )
        if (trace_now, events_now) != (found.trace, found.events) and not dataset.read_only:
            _refresh(replace(found, trace=trace_now, events=events_now), folder)
        yield Detection(found, same_trace, same_events, trace is not None)


def events_of_older_traces(dataset: Store, image_ids: Sequence[str]) -> list[str]:
    """Name the images whose events were detected in a trace that is no longer there.

    Events that another program wrote since are not among them: they are that program's.

    Args:
        dataset: The dataset; nothing is written.
        image_ids: Only of these images, which may be gone.
    """
    keys = (f"images/{image_id}/analysis/{DETECTION_ARTIFACT}.json" for image_id in image_ids)
    root = f"{layout.images(dataset.path)}/"
    found: list[str] = []
    for image_id, blob in zip(image_ids, dataset.get_many(keys), strict=True):
        folder = f"{root}{image_id}/analysis"
        record = _parsed(blob, folder) if isinstance(blob, bytes) else None
        trace = None if record is None else find_file(folder, TRACE_FILES)
        if record is None or trace is None or _held_against(record.trace, trace, 0)[0]:
            continue
        if _held_against(record.events, find_file(folder, EVENTS_FILES), 0)[0]:
            found.append(image_id)
    return found


def renew_events_stamp(rec: ZarrImageRecord) -> None:
    """Have an image's detection record hold for its events as they are now.

    For whoever replaces their trace. After a person judged events they are no longer those that
    the record stands for, and nothing would tell that their trace is gone. An image whose events
    were never detected here is left without.

    Args:
        rec: The image, in place or in the hidden folder that it is made in.
    """
    folder = str(rec.path / "analysis")
    with suppress(FileNotFoundError):
        record = _parsed(Path(folder, f"{DETECTION_ARTIFACT}.json").read_bytes(), folder)
        path = find_file(folder, EVENTS_FILES)
        if record is not None:
            replace(record, events=stamp_file(path) if path else None).save(rec)


def record_failure(rec: ZarrImageRecord, version: str, failed: Failed) -> None:
    """Note that the detection of an image failed; what is on record of an earlier one stays.

    Args:
        rec: The image; nothing is done if it is gone.
        version: Of the detector.
        failed: Why.

    Raises:
        OutsideError: If the record's place lies behind a link out of the dataset.
        WriteError: If the system refuses to write it.
    """
    with rec.lock():
        if not rec.exists():
            return
        [found] = read_detections(rec.dataset, [rec.image_id])
        before = found.record or DetectionRecord(version)
        if before.failed != failed:
            replace(before, failed=failed).save(rec)


def written_of(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Extract of events what people and other programs may change, in JSON's terms."""
    kept = events.select(name for name in WRITTEN if name in events.columns)
    floats = cs.float()
    known = kept.with_columns(pl.when(floats.is_finite()).then(floats))
    return known.to_dicts()


def find_file(folder: str, names: Sequence[str]) -> str | None:
    """Find the first of some files in an image's ``analysis`` folder, None if there is none."""
    paths = (f"{folder}/{name}" for name in names)
    return next((path for path in paths if os.path.lexists(path)), None)


def stamp_file(path: str, now_ns: int = 0) -> FileStamp:
    """Stamp a file as it is: the signature first, so that a change meanwhile is noticed later.

    Args:
        path: The file.
        now_ns: The file system's clock before this call, ns; 0 if it is not known.

    Raises:
        OSError: If it can't be read.
    """
    before = signature(path)
    return FileStamp(hash_file(path).hex(), before if before.is_at_rest(now_ns) else None)


def _held_against(
    stamp: FileStamp | None, path: str | None, now_ns: int
) -> tuple[bool, FileStamp | None]:
    """Tell whether a file is as it was, and give its stamp of now if it is."""
    if path is None or stamp is None:
        return False, stamp
    with suppress(OSError):
        if stamp.signature is not None and signature(path) == stamp.signature:
            return True, stamp
        now = stamp_file(path, now_ns)
        if now.content == stamp.content:
            return True, stamp if now.signature is None else now
    return False, stamp


def _refresh(record: DetectionRecord, folder: str) -> None:
    """Write a record with new signatures; it says what it said before."""
    with suppress(WriteError):
        _write(record, Path(folder, f"{DETECTION_ARTIFACT}.json"))


def _write(record: DetectionRecord, path: Path) -> None:
    with temporary_path(path) as temporary:
        temporary.write_text(json.dumps(asdict(record)))
        os.replace(temporary, path)


def _parsed(blob: bytes, folder: str) -> DetectionRecord | None:
    try:
        value: Any = decode_json(blob)
        return DetectionRecord(
            str(value["detector_version"]),
            _text(value["params_hash"]),
            _stamp(value["trace"], folder, TRACE_FILES),
            _stamp(value["events"], folder, EVENTS_FILES),
            tuple(value.get("written", ())),
            _failed(value.get("failed")),
        )
    except (ValueError, KeyError, TypeError, OSError):
        return None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _failed(value: Any) -> Failed | None:
    return None if value is None else Failed(str(value["code"]), str(value["message"]))


def _stamp(value: Any, folder: str, names: Sequence[str]) -> FileStamp | None:
    """Read a stamp; one of an earlier release, size and time, counts while both are the same.

    Raises:
        ValueError: If it is no stamp, or no longer counts.
    """
    if value is None:
        return None
    if isinstance(value, dict):
        told = value["signature"]
        return FileStamp(str(value["content"]), None if told is None else Signature(*told))
    path = find_file(folder, names)
    now = None if path is None else signature(path)
    if now is None or [now.size, now.mtime_ns] != list(value):
        raise ValueError("the file is not the one that was stamped")
    return stamp_file(path) if path is not None else FileStamp("")
