"""What an image's velocity trace was measured from: the artifact ``velocity/measurement``.

A trace is fresh while its pixels, ROIs, scale and params are the ones recorded here, by the hashes
of what they hold. A trace without a record, or that is not the one recorded, came from elsewhere:
it is imported, and left alone unless it is to be replaced.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_json
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.stamps import content_hash, hash_file, signature

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord
    from kymflow_zarr.store.store import Store

MEASUREMENT_ARTIFACT = "velocity/measurement"
VELOCITY_PARAMS_ARTIFACT = "velocity/params"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Files as they were: a hash of their bytes, and signatures that spare reading them."""

    content: str
    signatures: str | None = None


INTERRUPTED = Stamp("")
"""Stands for the trace while it is written: a run that is killed then leaves the image due."""


@dataclass(frozen=True, slots=True)
class MeasurementRecord:
    """What a trace was measured from.

    Attributes:
        velocity_version: The version of the analysis.
        params_hash: Hash of the params.
        regions: The ROIs with their channels, and the scale, as they were.
        pixels: The files of the pixels.
        trace: The trace's file, as it was written; :data:`INTERRUPTED` before it is.
        statistics: Of the pixels in each ROI: roi_id, channel, min, max, mean, std.
    """

    velocity_version: str
    params_hash: str
    regions: Mapping[str, Any]
    pixels: Stamp
    trace: Stamp
    statistics: Sequence[Mapping[str, Any]] = ()

    def save(self, rec: ZarrImageRecord) -> None:
        """Write the artifact.

        Raises:
            OutsideError: If its place lies behind a link out of the dataset.
            WriteError: If the system refuses to write it.
        """
        path = rec.artifact_path(MEASUREMENT_ARTIFACT, ".json")
        rec.dataset.check_writable("save what the trace was measured from", path.parent)
        with rec.noting():
            write_atomic(path, json.dumps(asdict(self)).encode())


def read_measurement(store: Store, image_id: str) -> MeasurementRecord | None:
    """Read what an image's trace was measured from; None where that is not known."""
    [record] = read_measurements(store, [image_id])
    return record


def read_measurements(store: Store, image_ids: Iterable[str]) -> Iterator[MeasurementRecord | None]:
    """Read what the traces of many images were measured from, in their order."""
    keys = (f"images/{image_id}/analysis/{MEASUREMENT_ARTIFACT}.json" for image_id in image_ids)
    return map(_parsed, store.get_many(keys))


def _parsed(blob: object) -> MeasurementRecord | None:
    try:
        value: Any = decode_json(blob) if isinstance(blob, bytes) else {}
        return MeasurementRecord(
            str(value["velocity_version"]),
            str(value["params_hash"]),
            dict(value["regions"]),
            Stamp(**value["pixels"]),
            Stamp(**value["trace"]),
            tuple(value.get("statistics", ())),
        )
    except (ValueError, KeyError, TypeError):
        return None


def stamp_files(paths: Sequence[str], now_ns: int = 0) -> Stamp:
    """Stamp some files as they are; signatures first, so that a change meanwhile is noticed later.

    Args:
        paths: The files.
        now_ns: The file system's clock before this call, ns; 0 if it is not known.

    Raises:
        OSError: If one can't be read.
    """
    before = {path: signature(path) for path in paths}
    content = content_hash(b"".join(hash_file(path) for path in paths)).hex()
    at_rest = all(one.is_at_rest(now_ns) for one in before.values())
    return Stamp(content, _texts(before.values()) if at_rest else None)


def confirmed(stamp: Stamp, paths: Sequence[str], now_ns: int = 0) -> Stamp | None:
    """Confirm that files are as they were; they are read only where their signatures don't tell.

    Args:
        stamp: The files as they were.
        paths: The files.
        now_ns: The file system's clock before this call, ns; 0 if it is not known.

    Returns:
        The stamp, with new signatures where the files were read; None if they are others.
    """
    with suppress(OSError):
        if stamp.signatures is not None and _texts(map(signature, paths)) == stamp.signatures:
            return stamp
        now = stamp_files(paths, now_ns)
        return now if now.content == stamp.content else None
    return None


def pixel_files(store: Store, image_id: str) -> list[str]:
    """List the files of an image's pixels, sorted."""
    root = f"{layout.images(store.path)}/{image_id}/data"
    found = [
        os.path.join(folder, name)
        for folder, _, names in os.walk(root)
        for name in names
        if not name.startswith(".z") or name == ".zarray"
    ]
    return sorted(found)


def _texts(signatures: Any) -> str:
    return ";".join(" ".join(map(str, one)) for one in signatures)
