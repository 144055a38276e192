"""All that the files of one lab image hold, read as they were at one moment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.lab_folder.base import Base, frame_hash
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.events import Events, read_events
from kymflow.core.lab_folder.fingerprint import pixels_hash
from kymflow.core.lab_folder.metadata import Hints, build_metadata
from kymflow.core.lab_folder.pixels import read_kymograph
from kymflow.core.lab_folder.source import Source, check_unchanged, describe_source
from kymflow.core.lab_folder.traces import read_trace

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


@dataclass(frozen=True, slots=True)
class Contents:
    """What the files of an image hold.

    Attributes:
        source: The files.
        pixels: The pixels.
        axes: What each of their axes is: ``t``, ``x`` …
        metadata: The metadata, without where it came from.
        trace: The trace, None where there is none.
        events: The events and their params, None where they were never looked for.
    """

    source: Source
    pixels: np.ndarray[Any, Any]
    axes: tuple[str, ...]
    metadata: dict[str, Any]
    trace: pl.DataFrame | None
    events: Events | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What the files leave open or contradict."""
        return tuple(self.metadata["import_notes"])

    @property
    def params(self) -> dict[str, Any] | None:
        """The params of the events, None where the files don't hold any."""
        found = self.events.params if self.events else None
        return None if found is None else dict(found)

    def base(self) -> Base:
        """Return the record of this for the next import."""
        return Base(
            self.metadata,
            self.params,
            self.events.rows if self.events else None,
            None if self.trace is None else frame_hash(self.trace),
        )


def read_contents(image: LabImage, root: Path, hints: Hints) -> Contents:
    """Read all files of an image.

    Args:
        image: The image.
        root: The folder that its path is to be relative to.
        hints: What is known of it from outside its own files.

    Raises:
        SourceFileError: If one can't be read, is not of its form, or changed meanwhile.
    """
    source = describe_source(image, root)
    kymograph = read_kymograph(image.tif)
    metadata = build_metadata(image, kymograph, {}, hints)
    del metadata["source"]
    trace = read_trace(image.trace) if image.trace else None
    events = read_events(image.events) if image.events else None
    check_unchanged(source)
    given = {
        f"{TRACE_ARTIFACT}.parquet": trace,
        f"{EVENTS_ARTIFACT}.parquet": events,
        f"{PARAMS_ARTIFACT}.json": events and events.params,
    }
    artifacts = [name for name, value in given.items() if value is not None]
    described = replace(source, pixels=pixels_hash(kymograph.pixels), artifacts=artifacts)
    return Contents(described, kymograph.pixels, tuple(kymograph.axes), metadata, trace, events)
