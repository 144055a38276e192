"""Which event of one list is which of another: the lab's files give them no ids.

What a person changes in an event are its labels and its ends, so that type, ROI, channel and peak
tell it, else one of its ends, else the time that both share. Events far apart are never one: a
verdict must not move to another place in the trace.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Key = Callable[[Row], Hashable | None]

ADDED = "User Added"
REACH_S = 0.25
"""How far an event without an end reaches to either side of its peak: the window of medians that a
drop or a rise is found with, by default."""
_BATCHES_PER_WORKER = 0.5
"""The share of the shorter of two events that both must have in common."""
_TIMES = ("t_start_s", "peak_t_s", "t_end_s")
_SAMPLES = ("i_start", "i_peak", "i_end")


def pair_events(
    left: Sequence[Row], right: Sequence[Row], *, same_ids: bool = False, added_ids: bool = False
) -> dict[int, int]:
    """Return which events are one, each by its place in its list.

    Args:
        left: Some events.
        right: Others.
        same_ids: Whether both lists know events by the same ids.
        added_ids: Whether they do so for events that a person added.

    Returns:
        Places in ``right`` by places in ``left``; each place occurs once at most.
    """
    keys: list[Key] = [
        lambda row: tuple(_value(row, name) for name in (*_TIMES, *_SAMPLES)),
        lambda row: tuple(_value(row, name) for name in _TIMES),
        lambda row: _value(row, "peak_t_s"),
        lambda row: _value(row, "t_start_s"),
        lambda row: _value(row, "t_end_s"),
    ]
    if same_ids:
        keys.insert(0, lambda row: row.get("event_id"))
    elif added_ids:
        keys.insert(3, lambda row: row.get("event_id") if row.get("event_type") == ADDED else None)
    pairs: dict[int, int] = {}
    for key in keys:
        _pair_by(key, left, right, pairs)
    _pair_overlapping(left, right, pairs)
    return pairs


def _pair_by(key: Key, left: Sequence[Row], right: Sequence[Row], pairs: dict[int, int]) -> None:
    """Pair what is still single and has the same key; equal ones by id, then in their order."""
    singles: dict[Hashable, list[int]] = defaultdict(list)
    taken = set(pairs.values())
    for place, row in enumerate(right):
        if place not in taken and (value := key(row)) is not None:
            singles[_kind(row), value].append(place)
    for place, row in enumerate(left):
        if place in pairs or (value := key(row)) is None:
            continue
        found = singles.get((_kind(row), value))
        if found:
            same_id = (p for p in found if right[p].get("event_id") == row.get("event_id"))
            chosen = next(same_id, found[0])
            found.remove(chosen)
            pairs[place] = chosen


def _pair_overlapping(left: Sequence[Row], right: Sequence[Row], pairs: dict[int, int]) -> None:
    """Pair what is still single and shares most of its time; those that share most come first."""
    taken = set(pairs.values())
    shared = sorted(_shared(left, right, set(pairs), taken))
    for _, place, other in shared:
        if place not in pairs and other not in taken:
            pairs[place] = other
            taken.add(other)


def _shared(
    left: Sequence[Row], right: Sequence[Row], not_left: set[int], not_right: set[int]
) -> Iterator[tuple[float, int, int]]:
    """Yield (minus the share, place, place) of all single events that overlap."""
    spans = defaultdict(list)
    for place, row in enumerate(right):
        if place not in not_right and (span := _span(row)) is not None:
            spans[_kind(row)].append((place, span))
    for place, row in enumerate(left):
        if place in not_left or (span := _span(row)) is None:
            continue
        begin, end = span
        for other, (begins, ends) in spans[_kind(row)]:
            shorter = min(end - begin, ends - begins)
            common = min(end, ends) - max(begin, begins)
            if shorter > 0 and common >= _BATCHES_PER_WORKER * shorter:
                yield -common / max(end - begin, ends - begins), place, other


def _kind(row: Row) -> tuple[object, object, object]:
    return row.get("roi_id"), row.get("channel"), row.get("event_type")


def _value(row: Row, name: str) -> Any:
    """Return a value; None for NaN, which would be unlike itself."""
    value = row.get(name)
    return None if isinstance(value, float) and math.isnan(value) else value


def _span(row: Row) -> tuple[float, float] | None:
    """Return when an event begins and ends, s; None where it has no time."""
    start, peak, end = (_value(row, name) for name in _TIMES)
    if start is None:
        return None
    if end is not None:
        return min(start, end), max(start, end)
    peak = start if peak is None else peak
    return min(start, peak - REACH_S), peak + REACH_S
