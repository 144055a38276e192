"""Three-way merge of events: those last imported, those in the folder now, those in the dataset.

Each event is merged field by field. What one side added, removed or changed is taken; where both
changed the same, and differently, the dataset's value is kept and the clash told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.lab_folder.event_pairs import pair_events
from kymflow.core.lab_folder.three_way import ABSENT, UNKNOWN, Clash, Nothing, is_same
from kymflow_zarr.errors import UsageError
from kymflow_zarr.frames import common_dtype

Row = dict[str, Any]

_IDENTITY = ("roi_id", "channel", "event_id", "event_type")
_NEUTRAL: Mapping[str, tuple[object, ...]] = {"user_type": ("unreviewed", ""), "note": ("",)}
"""What says as little as null."""
_ALMOST = 1e-6


@dataclass(slots=True)
class MergedEvents:
    """Events merged.

    Attributes:
        rows: Frame in the event schema, further columns behind it; None where there is no list.
        base: What the folder holds, under the ids that the events have in ``rows``: the base of
            the next merge.
        clashes: What was changed on both sides.
    """

    rows: pl.DataFrame | None
    base: pl.DataFrame | None
    clashes: list[Clash] = field(default_factory=list)


def merge_events(
    base: pl.DataFrame | Nothing, theirs: pl.DataFrame | None, ours: pl.DataFrame | None
) -> MergedEvents:
    """Merge events.

    Args:
        base: Those last imported, under the ids they have in the dataset; ``ABSENT``, or
            ``UNKNOWN``.
        theirs: Those in the folder now, None where it holds no list.
        ours: Those in the dataset, None where it holds no list.

    Raises:
        UsageError: If a column is of types that don't go together.
    """
    if theirs is None:
        return _without_theirs(base, ours)
    merge = _Merge(base, theirs, ours)
    rows = merge.rows()
    removed = ours is None and not rows and isinstance(base, pl.DataFrame)
    return MergedEvents(
        None if removed else _framed(rows, ours, theirs),
        _framed(merge.next_base(), None, theirs),
        merge.clashes,
    )


def _without_theirs(base: pl.DataFrame | Nothing, ours: pl.DataFrame | None) -> MergedEvents:
    """Keep the events that are not from the folder alone: it holds no list any more."""
    if ours is None or base is ABSENT:
        return MergedEvents(ours, None)
    if isinstance(base, pl.DataFrame):
        pairs = pair_events(base.to_dicts(), ours.to_dicts(), added_ids=True)
        before, now = base.to_dicts(), ours.to_dicts()
        same = (_differing(before[b], now[o]) == [] for b, o in pairs.items())
        if len(pairs) == len(before) == len(now) and all(same):
            return MergedEvents(None, None)
    said = f"{ours.height} kept; the folder no longer has a file of events"
    known = UNKNOWN if isinstance(base, Nothing) else base.to_dicts()
    return MergedEvents(ours, None, [Clash("events", known, ABSENT, ours.to_dicts(), said)])


class _Merge:
    """The merge of three lists of events, of which two have their ids in common."""

    def __init__(
        self, base: pl.DataFrame | Nothing, theirs: pl.DataFrame, ours: pl.DataFrame | None
    ) -> None:
        self.clashes: list[Clash] = []
        self._is_known = base is not UNKNOWN
        self._is_moved = False
        self._base = base.to_dicts() if isinstance(base, pl.DataFrame) else []
        self._theirs = theirs.to_dicts()
        self._ours = [] if ours is None else ours.to_dicts()
        has_ids = _has_ids(self._theirs)
        self._base_of_theirs = _inverted(pair_events(self._base, self._theirs, same_ids=has_ids))
        self._base_of_ours = _inverted(pair_events(self._base, self._ours, added_ids=True))
        self._theirs_of_ours = self._joined()
        self._ids = dict(self._kept_ids())

    def rows(self) -> list[Row]:
        """Return the merged events, sorted by time where the folder moved or added some."""
        rows = [row for place in range(len(self._ours)) for row in self._of_ours(place)]
        matched = set(self._theirs_of_ours.values())
        added = [
            row
            for place in range(len(self._theirs))
            if place not in matched
            for row in self._of_theirs(place)
        ]
        return sorted([*rows, *added], key=_time) if added or self._is_moved else rows

    def next_base(self) -> list[Row]:
        """Return the folder's events under the ids that they have in the dataset."""
        return [
            {**row, "event_id": self._ids.get(place, row["event_id"])}
            for place, row in enumerate(self._theirs)
        ]

    def _joined(self) -> dict[int, int]:
        """Return the folder's event of each of the dataset's: by way of the base, else itself."""
        theirs_of_base = {b: t for t, b in self._base_of_theirs.items()}
        joined = {
            o: theirs_of_base[b] for o, b in self._base_of_ours.items() if b in theirs_of_base
        }
        taken = set(joined.values())
        ours = [o for o in range(len(self._ours)) if o not in joined]
        theirs = [t for t in range(len(self._theirs)) if t not in taken]
        pairs = pair_events([self._ours[o] for o in ours], [self._theirs[t] for t in theirs])
        for left, right in pairs.items():
            o, t = ours[left], theirs[right]
            if o not in self._base_of_ours or t not in self._base_of_theirs:
                joined[o] = t
        return joined

    def _of_ours(self, place: int) -> Iterator[Row]:
        """Yield what becomes of one of the dataset's events; nothing if the folder removed it."""
        own, t = self._ours[place], self._theirs_of_ours.get(place)
        b = self._base_of_ours.get(place)
        if t is not None:
            b = self._base_of_theirs.get(t) if b is None else b
            yield self._merged(None if b is None else self._base[b], self._theirs[t], own)
        elif b is None:
            if not self._is_known:
                said = "kept; it is not in the folder"
                self.clashes.append(Clash(_named(own), UNKNOWN, ABSENT, own, said))
            yield own
        elif changed := _differing(self._base[b], own):
            said = f"kept; removed in the folder, but changed here ({', '.join(changed)})"
            self.clashes.append(Clash(_named(own), self._base[b], ABSENT, own, said))
            yield own

    def _of_theirs(self, place: int) -> Iterator[Row]:
        """Yield one of the folder's events if the dataset does not have it and is to."""
        row, b = self._theirs[place], self._base_of_theirs.get(place)
        if b is not None:
            if changed := _differing(self._base[b], row):
                said = f"stays removed; changed in the folder ({', '.join(changed)})"
                self.clashes.append(Clash(_named(row), self._base[b], row, ABSENT, said))
        elif self._is_known:
            yield {**row, "event_id": self._ids[place]}
        else:
            said = "left out; the folder has it, and whether it was removed here is not known"
            self.clashes.append(Clash(_named(row), UNKNOWN, row, ABSENT, said))

    def _merged(self, before: Row | None, theirs: Row, own: Row) -> Row:
        """Return one event merged field by field."""
        merged, clashes = dict(own), []
        for name in dict.fromkeys([*own, *theirs]):
            if name in _IDENTITY:
                continue
            values = [_plain(name, row.get(name)) for row in (before or {}, theirs, own)]
            b, t, o = values
            if is_same(t, o) or (before is not None and is_same(t, b)):
                continue
            if (before is not None and is_same(o, b)) or (before is None and o is None):
                merged[name] = theirs.get(name)
            elif before is not None or t is not None:
                known = b if before is not None else ABSENT if self._is_known else UNKNOWN
                clashes.append((name, Clash(f"{_named(own)}: {name}", known, t, o)))
        if _follows_times(before, theirs, own):
            merged["duration_s"] = merged["t_end_s"] - merged["t_start_s"]
            clashes = [each for each in clashes if each[0] != "duration_s"]
        self._is_moved |= not is_same(merged.get("t_start_s"), own.get("t_start_s"))
        self.clashes += (clash for _, clash in clashes)
        return merged

    def _kept_ids(self) -> Iterator[tuple[int, str]]:
        """Yield the id in the dataset of each of the folder's events that is, or comes, there."""
        taken: dict[Any, set[str]] = defaultdict(set)
        for row in self._ours:
            taken[row["roi_id"]].add(row["event_id"])
        for o, t in self._theirs_of_ours.items():
            yield t, self._ours[o]["event_id"]
        numbers: dict[Any, Iterator[int]] = defaultdict(count)
        matched = set(self._theirs_of_ours.values())
        for place, row in enumerate(self._theirs):
            if place in matched:
                continue
            roi = row["roi_id"]
            wished = row["event_id"]
            if wished in taken[roi]:
                wished = next(n for n in map(str, numbers[roi]) if n not in taken[roi])
            taken[roi].add(wished)
            yield place, wished


def _has_ids(rows: Sequence[Row]) -> bool:
    """Tell whether a file names its events; else they come numbered in their order."""
    numbers: dict[Any, Iterator[int]] = defaultdict(count)
    return any(row["event_id"] != str(next(numbers[row["roi_id"], row["channel"]])) for row in rows)


def _differing(before: Row, now: Row) -> list[str]:
    """Return the fields in which an event differs from what it was."""
    return [
        name
        for name in dict.fromkeys([*before, *now])
        if name not in _IDENTITY
        and not is_same(_plain(name, before.get(name)), _plain(name, now.get(name)))
    ]


def _plain(name: str, value: object) -> object:
    """Return a value; None where it says nothing."""
    return None if value in _NEUTRAL.get(name, ()) else value


def _follows_times(*rows: Row | None) -> bool:
    """Tell whether the duration of every version of an event is the time between its ends."""
    for row in rows:
        if row is None:
            continue
        start, end, duration = (row.get(n) for n in ("t_start_s", "t_end_s", "duration_s"))
        if start is None or end is None or duration is None:
            return False
        if abs(end - start - duration) > _ALMOST:
            return False
    return True


def _named(row: Row) -> str:
    start = row.get("t_start_s")
    time = "" if start is None else f" at {start:.3f} s"
    place = f"ROI {row.get('roi_id')}, channel {row.get('channel')}"
    return f"{row.get('event_type')} of {place}{time}"


def _time(row: Row) -> tuple[Any, ...]:
    order = [row["roi_id"], row["channel"], row.get("t_start_s")]
    return tuple((value is None, value or 0) for value in order)


def _inverted(pairs: Mapping[int, int]) -> dict[int, int]:
    return {value: key for key, value in pairs.items()}


def _framed(rows: Sequence[Row], ours: pl.DataFrame | None, theirs: pl.DataFrame) -> pl.DataFrame:
    """Return rows as a frame: the dataset's columns, then those that the folder alone fills.

    Raises:
        UsageError: If a column is of types that don't go together.
    """
    schema: dict[str, pl.DataType] = dict(EVENT_SCHEMA if ours is None else ours.schema)
    for name, dtype in theirs.schema.items():
        if name not in schema and ours is not None and _is_empty(rows, name):
            continue
        common = common_dtype(schema.get(name, dtype), dtype)
        if common is None:
            raise UsageError(
                f"the column {name!r} of its events is {dtype} in the folder and {schema[name]} "
                f"in the dataset; make them alike"
            )
        schema[name] = common
    return pl.DataFrame(rows, schema)


def _is_empty(rows: Sequence[Row], name: str) -> bool:
    return all(row.get(name) is None for row in rows)
