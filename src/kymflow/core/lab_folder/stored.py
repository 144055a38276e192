"""What the dataset holds of an image that is about to be imported again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.events import (
    COLUMN_ALIASES,
    EVENTS_ARTIFACT,
    PARAMS_ARTIFACT,
    TRACE_ARTIFACT,
)
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.lab_folder.fingerprint import pixels_hash
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ArtifactSchemaError,
    MetadataNotFoundError,
)
from kymflow_zarr.images.artifacts import METADATA
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

FILES: Mapping[str, tuple[str, ...]] = {
    METADATA: ("metadata.json", "metadata.json.gz"),
    EVENTS_ARTIFACT: (
        f"{EVENTS_ARTIFACT}.parquet",
        f"{EVENTS_ARTIFACT}.csv.gz",
        "velocity_events.parquet",  # where the earlier kymflow kept them
        "velocity_events.csv.gz",
    ),
    PARAMS_ARTIFACT: (f"{PARAMS_ARTIFACT}.json", f"{PARAMS_ARTIFACT}.json.gz"),
    TRACE_ARTIFACT: (f"{TRACE_ARTIFACT}.parquet", f"{TRACE_ARTIFACT}.csv.gz"),
}
"""The files that an import may write, first choice first."""

Stamp = tuple[int, int, int]


class ChangedMeanwhileError(Exception):
    """Somebody wrote an artifact after it was read; read it again."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What an image holds, and how its files looked before they were read.

    Attributes:
        rec: The image.
        metadata: Its metadata; empty where it has none.
        params: The params of its events, None where there are none.
        events: Its events in the event schema, None where there are none.
        stamps: What changes when a file is written, by artifact.
    """

    rec: ZarrImageRecord
    metadata: dict[str, Any]
    params: dict[str, Any] | None
    events: pl.DataFrame | None
    stamps: Mapping[str, tuple[Stamp | None, ...]]

    def trace(self) -> pl.DataFrame | None:
        """Return its trace, None where it has none.

        Raises:
            ArtifactError: If it can't be read.
        """
        return _frame(self.rec, TRACE_ARTIFACT)

    def pixels(self) -> str | None:
        """Return the hash of its pixels, None where it has none that can be read."""
        try:
            return pixels_hash(self.rec.load_array())
        except ArtifactError:
            return None

    def check(self, artifact: str) -> None:
        """See that an artifact is still the one that was read.

        Raises:
            ChangedMeanwhileError: If it is not.
        """
        if stamps_of(self.rec, artifact) != self.stamps[artifact]:
            raise ChangedMeanwhileError


def load_stored(rec: ZarrImageRecord) -> Stored:
    """Read what an image holds.

    Raises:
        ImageNotFoundError: If there is no such image.
        ArtifactError: If an artifact can't be read, or is not of its form.
    """
    stamps = {artifact: stamps_of(rec, artifact) for artifact in FILES}
    try:
        metadata = rec.load_metadata_payload()
    except MetadataNotFoundError:
        metadata = {}
    return Stored(rec, metadata, _params(rec), _events(rec), stamps)


def stamps_of(rec: ZarrImageRecord, artifact: str) -> tuple[Stamp | None, ...]:
    """Look at the files that may hold an artifact: (inode, mtime, size), None where absent."""
    return tuple(_stamp(rec.path / "analysis" / name) for name in FILES[artifact])


def _params(rec: ZarrImageRecord) -> dict[str, Any] | None:
    try:
        params = rec.load_json(PARAMS_ARTIFACT)
    except ArtifactNotFoundError:
        return None
    if isinstance(params, dict):
        return params
    raise _bad(rec, PARAMS_ARTIFACT, f"it holds a {type(params).__name__}, not an object")


def _events(rec: ZarrImageRecord) -> pl.DataFrame | None:
    rows = _frame(rec, EVENTS_ARTIFACT)
    if rows is None:
        rows = _frame(rec, "velocity_events")
    if rows is None:
        return None
    try:
        return conform(rows, EVENT_SCHEMA, COLUMN_ALIASES)
    except (ValueError, pl.exceptions.PanicException) as error:
        raise _bad(rec, EVENTS_ARTIFACT, first_line(error)) from error


def _frame(rec: ZarrImageRecord, artifact: str) -> pl.DataFrame | None:
    for load in (rec.load_df_parquet, rec.load_df_csv_gz):
        try:
            return load(artifact)
        except ArtifactNotFoundError:
            continue
    return None


def _bad(rec: ZarrImageRecord, artifact: str, why: str) -> ArtifactSchemaError:
    return ArtifactSchemaError(
        f"{artifact} can't be merged with what the folder holds: {why}; repair it",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact=artifact,
    )


def _stamp(path: Path) -> Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
