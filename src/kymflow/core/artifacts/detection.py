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
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow_zarr.errors import WriteError
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_json
from kymflow_zarr.store.files import temporary_path
from kymflow_zarr.store.reads import read_file
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
    *("user_type", "note", "rejected"),
)
"""Columns of the schema that people and other programs may change; so are columns beyond it."""
_JSON = (pl.String(), pl.Boolean(), pl.Null())
_EARLIER = 20
"""So many earlier states of the events are told from the work of other programs."""


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
        written: The events as the detector or an import last wrote them, as far as people and
            other programs may change them: what is otherwise in the file, and was not decided
            since, is the work of another program. None in a record of an earlier release.
        earlier: Hashes of the events' files before: a file of such a hash is an older state, and
            nobody's work.
        failed: Why the last detection failed; the rest is of the last one that did not.
    """

    detector_version: str
    params_hash: str | None = None
    trace: FileStamp | None = None
    events: FileStamp | None = None
    written: Sequence[Mapping[str, Any]] | None = None
    earlier: Sequence[str] = ()
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

    def earlier_events(self, now: FileStamp) -> tuple[str, ...]:
        """List the hashes of events written before those of now, the last of them last."""
        if self.record is None:
            return ()
        known = [
            *self.record.earlier,
            *([self.record.events.content] if self.record.events else []),
        ]
        return tuple(each for each in dict.fromkeys(known) if each != now.content)[-_EARLIER:]


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


def written_events(rec: ZarrImageRecord) -> Sequence[Mapping[str, Any]] | None:
    """Load the events of an image as they were last written here, see ``DetectionRecord.written``.

    Returns:
        None if that is not on record, or if an older state of their file was put back since.
    """
    folder = str(rec.path / "analysis")
    record = _load(folder)
    if record is None or record.written is None:
        return None
    path = find_file(folder, EVENTS_FILES)
    if path is not None and record.earlier:
        with suppress(OSError):
            if stamp_file(path).content in record.earlier:
                return None
    return record.written


def note_import(
    rec: ZarrImageRecord, before: pl.DataFrame | None, after: pl.DataFrame, *, new_trace: bool
) -> None:
    """Have an image's detection record hold for events that an import merged into the old ones.

    Without that the import's changes would be taken for those of another program, or the record
    would no longer tell that the trace of the events is gone. An image whose events were never
    detected here is left without.

    Args:
        rec: The image, in place or in the hidden folder that it is made in.
        before: The events until then; what another program changed in them is no import's.
        after: The events as they are now in the artifact.
        new_trace: Whether the import replaces their trace as well.
    """
    folder = str(rec.path / "analysis")
    record = _load(folder)
    path = find_file(folder, EVENTS_FILES)
    if record is None:
        return
    if record.written is not None:
        old = [] if before is None else written_of(before)
        record = replace(record, written=_with_changes(record.written, old, written_of(after)))
    if new_trace:
        record = replace(record, events=stamp_file(path) if path else None)
    record.save(rec)


def _load(folder: str) -> DetectionRecord | None:
    try:
        return _parsed(read_file(f"{folder}/{DETECTION_ARTIFACT}.json"), folder)
    except OSError:
        return None


def _with_changes(
    written: Sequence[Mapping[str, Any]],
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Carry over to written events what differs between two states of them."""
    rows = {_key(row): dict(row) for row in written}
    old, new = ({_key(row): row for row in each} for each in (before, after))
    for key in old.keys() - new.keys():
        rows.pop(key, None)
    for key, row in new.items():
        known = old.get(key)
        changed = {n: v for n, v in row.items() if known is None or v != known.get(n)}
        if key in rows or known is None:
            rows.setdefault(key, {}).update(changed)
    return list(rows.values())


def _key(row: Mapping[str, Any]) -> tuple[object, object, object]:
    """Name an event; older files that give no ROI or channel mean the first."""
    roi_id, channel = (1 if row.get(n) is None else row[n] for n in ("roi_id", "channel"))
    return roi_id, channel, row.get("event_id")


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
    own = [
        name
        for name, dtype in events.schema.items()
        if name not in EVENT_SCHEMA and (dtype in _JSON or dtype.is_integer() or dtype.is_float())
    ]
    names = dict.fromkeys([*(name for name in WRITTEN if name in events.columns), *own])
    names.pop("edited", None)  # it follows from the times
    floats = cs.float()
    kept = events.select(pl.col(list(names)))
    return kept.with_columns(pl.when(floats.is_finite()).then(floats)).to_dicts()


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
            value.get("written"),
            tuple(value.get("earlier", ())),
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
