"""Velocity events: JSON files keyed by ROI and channel."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.events import COLUMN_ALIASES, EVENT_SCHEMA
from kymflow.core.lab_folder.reading import MAX_TABLE, broken, read_object, section, writable
from kymflow_zarr.frames import storable
from kymflow_zarr.reasons import first_line

_KEY = re.compile(r"([0-9]{1,9})(?::([0-9]{1,9}))?")
_PARAMS_KEYS = ("params", "detection_params", "event_params")


@dataclass(frozen=True, slots=True)
class Events:
    """The events of one image.

    Attributes:
        rows: Frame in the event schema, further columns behind it, in file order.
        params: The params they were found with, None where the file holds none.
    """

    rows: pl.DataFrame
    params: Mapping[str, Any] | None


def read_events(path: Path) -> Events | None:
    """Read an events file.

    Returns:
        The events, or None where ``velocity_events`` is empty: the search was never run. A ROI
        with an empty list was searched and has none.

    Raises:
        SourceFileError: If it is not of that form.
    """
    content = read_object(path, MAX_TABLE)
    by_roi = section(content, "velocity_events", path)
    if not by_roi:
        return None
    rows = [row for key, events in by_roi.items() for row in _of_roi(key, events, path)]
    try:
        frame = pl.DataFrame(rows, infer_schema_length=None, strict=False)
        typed = storable(conform(frame, EVENT_SCHEMA, COLUMN_ALIASES))
    except (
        ValueError,
        TypeError,
        OverflowError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,
    ) as error:
        raise broken(path, f"its events can't be read: {first_line(error)}") from error
    found = (content.get(name) for name in _PARAMS_KEYS)
    params = next((params for params in found if isinstance(params, dict)), None)
    return Events(typed, writable(params, path))


def _of_roi(key: str, events: object, path: Path) -> Iterator[dict[str, Any]]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise broken(path, f'{key[:40]!r} is not a ROI, or "ROI:CHANNEL"')
    roi, channel = match.groups()
    if not isinstance(events, list):
        raise broken(path, f"the events of ROI {key} are not a list")
    for number, event in enumerate(events):
        if not isinstance(event, dict):
            raise broken(path, f"event {number} of ROI {key} is not an object")
        own = {name: value for name, value in event.items() if name not in ("roi_id", "id")}
        own["event_id"] = str(event.get("event_id", event.get("id", number)))
        in_channel = int(channel) if channel else event.get("channel", 1)
        yield {**own, "roi_id": int(roi), "channel": in_channel}
