"""Velocity events: JSON files keyed by ROI and channel."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.events import COLUMN_ALIASES
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.lab_folder.reading import MAX_TABLE, broken, read_object, section, writable
from kymflow_zarr.frames import storable
from kymflow_zarr.reasons import first_line

_KEY = re.compile(r"([0-9]{1,9})(?::([0-9]{1,9}))?")
_TIMES = ("t_start_s", "peak_t_s", "t_end_s", "duration_s")
_EXACT = 1 << 53  # float64 holds every whole number up to here
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
    _check_owners(by_roi, path)
    try:
        frame = pl.DataFrame(_exact(rows), infer_schema_length=None, strict=False)
        typed = storable(conform(frame, EVENT_SCHEMA, COLUMN_ALIASES))
        typed = typed.with_columns(pl.when(pl.col(_TIMES).is_finite()).then(pl.col(_TIMES)))
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
        for old, new in COLUMN_ALIASES.items():
            if old in own and own[old] is None:
                del own[old]  # else a column of its own beside the one that other events' went to
            elif own.get(new) is None and old in own:
                own[new] = own.pop(old)
        ids = (event.get(name) for name in ("event_id", "id"))
        own["event_id"] = _text(next((each for each in ids if each is not None), number))
        told = event.get("channel")
        in_channel = int(channel) if channel else 1 if told is None else told
        yield {**own, "roi_id": int(roi), "channel": in_channel}


def _check_owners(by_roi: Mapping[str, object], path: Path) -> None:
    """Refuse two lists for one ROI and channel: their events could not be told apart."""
    owners = [tuple(int(part or 1) for part in _parts(key)) for key in by_roi]
    for owner in owners:
        if owners.count(owner) > 1:
            raise broken(path, f"ROI {owner[0]}, channel {owner[1]} is there twice")


def _parts(key: str) -> tuple[str | None, ...]:
    match = _KEY.fullmatch(key)
    return match.groups() if match else ()


def _text(value: object) -> str:
    """Return a value as text, exactly as it is written; whole numbers without a fraction."""
    return value if isinstance(value, str) else json.dumps(_whole(value), ensure_ascii=False)


def _exact(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows whose values Polars keeps as they are.

    Whole numbers that float64 can't hold become texts where others of their column are fractions.

    Raises:
        ValueError: If a column holds lists or objects beside single values.
    """
    kinds: dict[str, set[str]] = defaultdict(set)
    for name, value in (item for row in rows for item in row.items()):
        kinds[name].add(_value_kind(value))
    for name, found in kinds.items():
        if "nested" in found and found - {"nested", "null"}:
            raise ValueError(f"column {name!r} holds both single values and lists or objects")
    mixed = {name for name, found in kinds.items() if {"wide", "fraction"} <= found}
    declared = EVENT_SCHEMA.keys() | COLUMN_ALIASES.keys()
    for row in rows if mixed else ():
        for name in mixed & row.keys():
            if row[name] is not None:
                row[name] = _whole(row[name]) if name in declared else _text(row[name])
    return rows


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _value_kind(value: object) -> str:
    if isinstance(value, dict | list):
        return "nested"
    if isinstance(value, float):
        return "fraction"
    if isinstance(value, int) and abs(value) > _EXACT:
        return "wide"
    return "null" if value is None else "plain"
