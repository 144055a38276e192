"""What a lab's files gave when they were last imported: the base of a three-way merge.

It is kept in the image, as ``import/<token>.json``; the image's ``source`` names the one in force.
A new base has a new name and comes into force with the metadata that names it, in one step. A
killed import leaves the old one in force.
"""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.provenance import dumps_parsed
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow_zarr.errors import ArtifactError, ReadOnlyError
from kymflow_zarr.store.files import write_atomic

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

FOLDER = "import"
_NAME = re.compile(rf"{FOLDER}/[0-9a-f]{{16}}")


@dataclass(frozen=True, slots=True)
class Base:
    """What the files gave.

    Attributes:
        metadata: The metadata, without where it came from.
        params: The params of the events, None if there were none.
        events: The events under the ids that they have in the dataset, None if there were none.
        trace: Hash of the trace, see :func:`frame_hash`; None if there was none.
    """

    metadata: Mapping[str, Any]
    params: Mapping[str, Any] | None
    events: pl.DataFrame | None
    trace: str | None

    def save(self, rec: ZarrImageRecord) -> str:
        """Save it under a name of its own, and return that."""
        name = f"{FOLDER}/{uuid.uuid4().hex[:16]}"
        events = self.events if self.events is None else _columns(self.events)
        content = {
            "metadata": self.metadata,
            "params": self.params,
            "events": events,
            "trace": self.trace,
        }
        path = rec.artifact_path(name, ".json")
        rec.dataset.check_writable("keep what is imported", path.parent)
        # Not indented: nobody reads it, and indenting takes ten times as long.
        with rec.noting():
            write_atomic(path, dumps_parsed(content).encode())
        return name


def load_base(rec: ZarrImageRecord, name: str | None) -> Base | None:
    """Load the base of this name; None where it is absent or can't be read."""
    if name is None or not _NAME.fullmatch(name):
        return None
    try:
        stored = rec.load_json(name)
        metadata, params, trace = stored["metadata"], stored["params"], stored["trace"]
        events = None if stored["events"] is None else _frame(stored["events"])
    except (ArtifactError, KeyError, TypeError, ValueError, pl.exceptions.PolarsError):
        return None
    if not isinstance(metadata, dict) or not isinstance(params, dict | None):
        return None
    return Base(metadata, params, events, trace)


def delete_other_bases(rec: ZarrImageRecord, name: str) -> None:
    """Delete all bases but the one in force."""
    folder = rec.path / "analysis" / FOLDER
    with suppress(OSError, ReadOnlyError):  # what is left is in nobody's way, and goes next time
        rec.dataset.check_writable("delete what was imported before", folder)
        for path in folder.iterdir():
            if f"{FOLDER}/{path.stem}" != name and _NAME.fullmatch(f"{FOLDER}/{path.stem}"):
                path.unlink()


def _columns(events: pl.DataFrame) -> dict[str, list[Any]]:
    """Return events as JSON has them: they came from JSON, which has no NaN."""
    return {
        column.name: [None if value != value else value for value in column.to_list()]
        if column.dtype.is_float()
        else column.to_list()
        for column in events
    }


def _frame(columns: Mapping[str, list[Any]]) -> pl.DataFrame:
    frame = pl.DataFrame(columns, infer_schema_length=None, strict=False)
    return conform(frame, EVENT_SCHEMA, {})


def frame_hash(frame: pl.DataFrame) -> str:
    """Return the SHA-256 of a frame: of its columns' names, types and values.

    Unlike the bytes of a Parquet file it does not depend on who wrote it.
    """
    import numpy as np

    digest = hashlib.sha256()
    for column in frame:
        n_missing = column.null_count()
        digest.update(f"{column.name}\0{column.dtype}\0{len(column)}\0{n_missing}\0".encode())
        if not column.dtype.is_numeric():
            digest.update(repr(column.to_list()).encode(errors="surrogatepass"))
            continue
        if n_missing:
            digest.update(np.packbits(column.is_null().to_numpy()).tobytes())
        values = (column.fill_null(0) if n_missing else column).to_numpy()
        if column.dtype.is_float():
            values = np.where(np.isnan(values), np.nan, values)  # whichever NaN it is
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
