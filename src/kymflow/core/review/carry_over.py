"""What people added to events outlives a new detection.

An event bears a person's work if its ``user_type`` is no longer ``unreviewed``, if it has a note,
or if a person added it. On a new detection the work moves to the new event that overlaps the old
one most; an event that overlaps none, and every event that a person added, stays as it was.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import polars as pl

from kymflow.core.artifacts.events import EVENT_SCHEMA

UNREVIEWED = "unreviewed"
ADDED = "User Added"
HUMAN = ("user_type", "note")

Row = dict[str, Any]
Owner = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Merged:
    """New events with what people added to the old ones.

    Attributes:
        events: Frame in the event schema, with the old events' further columns behind it.
        moved: How many new events took over a person's work.
        kept: The old events that stay as they were, other than those that a person added.
    """

    events: pl.DataFrame
    moved: int
    kept: list[Row]


def merge_reviewed(
    old: pl.DataFrame, new: Sequence[Row], searched: Set[Owner], *, reach: float
) -> Merged:
    """Return new events in place of old ones, without losing what people added.

    ``user_type``, ``note``, ``event_id`` and the columns beyond the schema move from an old event
    to the new event of the same type, ROI and channel that shares most time with it, each to one.
    Old events of a ROI and channel that was not searched stay too.

    Args:
        old: The old events, in the event schema; further columns are a person's or another tool's.
        new: The new events, values by column of the event schema; their ids are set here.
        searched: The (ROI, channel) that the new events were searched in.
        reach: How far an event without an end reaches beyond its peak, either way, s.
    """
    further = [name for name in old.columns if name not in EVENT_SCHEMA]
    new_rows = [dict(row) for row in new]
    stay: list[Row] = []
    reviewed: list[Row] = []
    for row in old.to_dicts():
        if _is_added(row) or _owner(row) not in searched:
            stay.append(row)
        elif _is_reviewed(row):
            reviewed.append(row)
    partners = _partners(reviewed, new_rows, reach)
    for place, row in enumerate(reviewed):
        partner = partners.get(place)
        if partner is None:
            stay.append(row)
        else:
            moved = ("event_id", *HUMAN, *further)
            new_rows[partner].update({name: row[name] for name in moved})
    _number(new_rows, set(partners.values()), stay)
    schema = {**EVENT_SCHEMA, **{name: old[name].dtype for name in further}}
    rows = sorted([*new_rows, *stay], key=_place)
    kept = [row for row in stay if not _is_added(row)]
    return Merged(pl.DataFrame(rows, schema), len(partners), kept)


def _place(row: Row) -> tuple[Owner, float]:
    start = row.get("t_start_s")
    return _owner(row), math.inf if start is None else start


def _is_added(row: Row) -> bool:
    return bool(row["event_type"] == ADDED)


def _is_reviewed(row: Row) -> bool:
    return (row["user_type"] or UNREVIEWED) != UNREVIEWED or bool((row["note"] or "").strip())


def _owner(row: Row) -> Owner:
    """Return an event's ROI and channel; older files that don't say mean the first."""
    return row["roi_id"] or 1, row["channel"] or 1


def _partners(reviewed: list[Row], new: list[Row], reach: float) -> dict[int, int]:
    """Return the place of each reviewed event's new event; those that share most time go first."""
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for *_, old_place, new_place in sorted(_overlaps(reviewed, new, reach)):
        if old_place not in partners and new_place not in taken:
            partners[old_place] = new_place
            taken.add(new_place)
    return partners


def _overlaps(
    reviewed: list[Row], new: list[Row], reach: float
) -> Iterator[tuple[float, float, int, int]]:
    """Yield (minus the time shared, the distance of the peaks, place, place) of all overlaps."""
    spans: dict[tuple[str, Owner], list[tuple[int, _Span]]] = defaultdict(list)
    for place, row in enumerate(new):
        if (span := _span(row, reach)) is not None:
            spans[row["event_type"], _owner(row)].append((place, span))
    for old_place, row in enumerate(reviewed):
        if (span := _span(row, reach)) is None:
            continue
        for place, other in spans[row["event_type"], _owner(row)]:
            shared = min(span.end, other.end) - max(span.begin, other.begin)
            if shared >= 0:
                yield -shared, abs(span.peak - other.peak), old_place, place


class _Span(NamedTuple):
    """When an event begins, peaks and ends, s."""

    begin: float
    peak: float
    end: float


def _span(row: Row, reach: float) -> _Span | None:
    """Return an event's times; None where it has none.

    A baseline shift has no end. It was found in the windows on either side of its peak, so it
    reaches as far as they do.
    """
    start, peak, end = (row.get(name) for name in ("t_start_s", "peak_t_s", "t_end_s"))
    if start is None:
        return None
    peak = start if peak is None else peak
    if end is not None:
        return _Span(start, peak, end)
    return _Span(min(start, peak - reach), peak, peak + reach)


def _number(new: list[Row], moved: set[int], stay: list[Row]) -> None:
    """Give new events ids that no other event of their ROI has; those that moved keep theirs."""
    taken: dict[int, set[str]] = defaultdict(set)
    for row in [*stay, *(new[place] for place in moved)]:
        taken[_owner(row)[0]].add(row["event_id"])
    numbers: dict[int, Iterator[int]] = defaultdict(count)
    for place, row in enumerate(new):
        if place not in moved:
            roi_id, _ = _owner(row)
            row["event_id"] = next(
                text for text in map(str, numbers[roi_id]) if text not in taken[roi_id]
            )
