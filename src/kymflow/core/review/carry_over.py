"""What people added to events outlives a new detection.

An event bears a person's work if its ``user_type`` is no longer ``unreviewed``, if it has a note,
if a person rejected it, corrected its times, or added it. On a new detection the work moves to the
new event that overlaps the old one most, and corrected times stay as the person set them; an event
that overlaps none, and every event that a person added, stays as it was.

The times compared are those at which people decided, as the journal has them. Those of the last
detection would let an event walk to its neighbour, a little per detection.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.review.decision import INDICES, TIMES, Decision
from kymflow.core.review.event_rows import ADDED, FLAGS
from kymflow.core.review.journal import active
from kymflow.core.review.labels import UNREVIEWED

HUMAN = ("user_type", "note")
CORRECTED = (*TIMES, "duration_s", *INDICES)
_OF_REVIEW = frozenset({*EVENT_SCHEMA, *FLAGS})

Row = dict[str, Any]
Owner = tuple[int, int]
Times = tuple[float | None, float | None, float | None]
Id = tuple[int, int, str]
"""ROI, channel and event id: names an event within its image."""


@dataclass(frozen=True, slots=True)
class Merged:
    """New events with what people added to the old ones.

    Attributes:
        events: Frame in the event schema, with the old events' further columns behind it.
        moved: How many new events took over a person's work.
        kept: The old events that stay as they were, other than those that a person added.
        beside: Of those kept whose new event took over another one's work: the other's id.
    """

    events: pl.DataFrame
    moved: int
    kept: list[Row]
    beside: Mapping[Id, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decided:
    """What the journal says of an image's events, as far as a new detection needs it.

    Attributes:
        times: When each event was whenever somebody decided on it, undone or not.
        marked: Events whose own columns somebody filled.
        added: Events that somebody added, of whatever type.
        gone: Events that somebody took away; none like them is to come back.
        last: Each detected event as it was when it was last decided on, as far as that is known.
    """

    times: Mapping[Id, Sequence[Times]] = field(default_factory=dict)
    marked: Set[Id] = frozenset()
    added: Set[Id] = frozenset()
    gone: Sequence[Row] = ()
    last: Mapping[Id, Row] = field(default_factory=dict)

    @classmethod
    def of(cls, image_id: str, decisions: Sequence[Decision]) -> Decided:
        """Read an image's decisions, first to last."""
        times: dict[Id, list[Times]] = defaultdict(list)
        marked: set[Id] = set()
        whole: dict[Id, Mapping[str, Any] | None] = {}
        gone: dict[Id, Row] = {}
        last: dict[Id, Row] = {}
        of_people: set[Id] = set()
        standing = {decision.id for decision in active(decisions)}
        for decision in decisions:
            for change in decision.changes:
                if change.key.image_id != image_id:
                    continue
                key = id_of(change.key._asdict())
                times[key].append(change.at)
                if change.before is None or change.after is None:
                    of_people.add(key)
                if change.event is not None:
                    last[key] = {**change.event, **change.key._asdict()}
                if decision.id not in standing:
                    continue
                if change.before is None or change.after is None:
                    whole[key] = change.after
                    gone.pop(key, None)
                    if change.before is not None:
                        gone[key] = {**change.key._asdict(), **change.before}
                elif any(name not in _OF_REVIEW for name in change.after):
                    marked.add(key)
        added = {key for key, row in whole.items() if row is not None}
        unfound = {key: row for key, row in last.items() if key not in of_people}
        return cls(times, marked, added, list(gone.values()), unfound)


def merge_reviewed(
    old: pl.DataFrame,
    new: Sequence[Row],
    searched: Set[Owner],
    *,
    reach: float,
    decided: Decided | None = None,
) -> Merged:
    """Put new events in place of old ones, without losing what people added.

    ``user_type``, ``note``, ``event_id``, corrected times and the columns beyond the schema move
    from an old event to the new event of the same type, ROI and channel that shares most time with
    it, each to one. Old events of a ROI and channel that was not searched stay too. An event that
    people decided on keeps its id even if all is undone, and its id is never given to another. A
    new event like one that somebody took away is left out.

    Args:
        old: The old events, in the event schema; further columns are a person's or another tool's.
        new: The new events, values by column of the event schema; their ids are set here.
        searched: The (ROI, channel) that the new events were searched in.
        reach: How far an event without an end reaches beyond its peak, either way, s.
        decided: What the journal says of the events; nothing by default.
    """
    decided = decided or Decided()
    further = [name for name in old.columns if name not in EVENT_SCHEMA]
    own = [name for name in further if name not in FLAGS]
    unflagged = {name: False for name in FLAGS if name in further}
    new_rows = [{**unflagged, **row} for row in new]

    def is_work(row: Row) -> bool:
        return _is_reviewed(row) or id_of(row) in decided.marked

    stay: list[Row] = []
    known: list[Row] = []
    old_rows = old.to_dicts()
    for row in old_rows:
        if _is_added(row) or id_of(row) in decided.added or _owner(row) not in searched:
            stay.append(row)
        elif is_work(row) or id_of(row) in decided.times or any(row[n] is not None for n in own):
            known.append(row)
    ids = {id_of(row) for row in old_rows}
    # What is found again after a detection that did not find it is the same event, by its id.
    known += [
        {**dict.fromkeys(own), **unflagged, **{name: row.get(name) for name in EVENT_SCHEMA},
         "user_type": UNREVIEWED, "note": ""}
        for id_, row in decided.last.items()
        if id_ not in ids and _owner(row) in searched
    ]  # fmt: skip
    known.sort(key=is_work, reverse=True)  # work comes before what was undone
    n_known = len(known)
    works = [*map(is_work, known), *(True for _ in decided.gone)]
    overlaps = sorted(_overlaps([*known, *decided.gone], works, new_rows, reach, decided.times))
    partners = _partners(overlaps)
    taken_by = {
        partner: str(known[p]["event_id"]) for p, partner in partners.items() if p < n_known
    }
    beside: dict[Id, str] = {}
    moved = 0
    for place, row in enumerate(known):
        partner = partners.get(place)
        if partner is not None:
            corrected = CORRECTED if row.get("edited") else ()
            names = ("event_id", *HUMAN, *corrected, *further)
            new_rows[partner].update({name: row[name] for name in names})
            moved += works[place]
        elif works[place]:
            stay.append(row)
            met = next((each.new for each in overlaps if each.old == place), None)
            if met in taken_by:
                beside[id_of(row)] = taken_by[met]
    with_id = {partner for place, partner in partners.items() if place < n_known}
    left_out = {*partners.values()} - with_id
    _number(new_rows, with_id, left_out, stay, decided.times)
    there = [row for place, row in enumerate(new_rows) if place not in left_out]
    schema = {**EVENT_SCHEMA, **{name: old[name].dtype for name in further}}
    rows = sorted([*there, *stay], key=_place)
    kept = [row for row in stay if not _is_added(row) and id_of(row) not in decided.added]
    return Merged(pl.DataFrame(rows, schema), moved, kept, beside)


def matched(old: Sequence[Row], new: Sequence[Row], reach: float) -> dict[int, int]:
    """Tell which new event each old one is: that of its type and trace that shares most time.

    Args:
        old: The old events.
        new: The new events.
        reach: As for :func:`merge_reviewed`.

    Returns:
        Places of new events by the places of old ones; those without a partner are left out.
    """
    return _partners(sorted(_overlaps(old, [True] * len(old), new, reach, {})))


def bears_work(row: Row) -> bool:
    """Tell whether a person's work is on an event, as its own columns have it."""
    return _is_added(row) or _is_reviewed(row)


def _place(row: Row) -> tuple[Owner, float]:
    start = row.get("t_start_s")
    return _owner(row), math.inf if start is None else start


def _is_added(row: Row) -> bool:
    return bool(row["event_type"] == ADDED)


def _is_reviewed(row: Row) -> bool:
    return (
        (row["user_type"] or UNREVIEWED) != UNREVIEWED
        or bool((row["note"] or "").strip())
        or any(row.get(name) for name in FLAGS)
    )


def _owner(row: Row) -> Owner:
    """Return an event's ROI and channel; older files that don't say mean the first."""
    roi_id, channel = row["roi_id"], row["channel"]
    return 1 if roi_id is None else roi_id, 1 if channel is None else channel


def id_of(row: Row) -> Id:
    """Name an event within its image; older files that give no ROI or channel mean the first."""
    return *_owner(row), str(row["event_id"])


class _Overlap(NamedTuple):
    """That an old event overlaps a new one. Sorts before those that do so less.

    Attributes:
        undone: Whether nobody's work is on the old event.
        unshared: Minus the time shared, s.
        distance: Between the peaks, s.
        old: The old event's place.
        new: The new event's place.
    """

    undone: bool
    unshared: float
    distance: float
    old: int
    new: int


def _partners(overlaps: Sequence[_Overlap]) -> dict[int, int]:
    """Find the place of each known event's new event; those that share most time go first."""
    partners: dict[int, int] = {}
    taken: set[int] = set()
    for each in overlaps:
        if each.old not in partners and each.new not in taken:
            partners[each.old] = each.new
            taken.add(each.new)
    return partners


def _overlaps(
    known: Sequence[Row],
    works: Sequence[bool],
    new: Sequence[Row],
    reach: float,
    decided: Mapping[Id, Sequence[Times]],
) -> Iterator[_Overlap]:
    spans: dict[tuple[str, Owner], list[tuple[int, _Span]]] = defaultdict(list)
    for place, row in enumerate(new):
        if (span := _span(_times(row), reach)) is not None:
            spans[row["event_type"], _owner(row)].append((place, span))
    for old_place, row in enumerate(known):
        times = {*decided.get(id_of(row), ())}
        if row.get("edited") or not times:
            times.add(_times(row))
        for span in filter(None, (_span(each, reach) for each in times)):
            for place, other in spans[row["event_type"], _owner(row)]:
                shared = min(span.end, other.end) - max(span.begin, other.begin)
                if shared >= 0:
                    distance = abs(span.peak - other.peak)
                    yield _Overlap(not works[old_place], -shared, distance, old_place, place)


class _Span(NamedTuple):
    """When an event begins, peaks and ends, s."""

    begin: float
    peak: float
    end: float


def _times(row: Row) -> Times:
    start, peak, end = (row.get(name) for name in TIMES)
    return start, peak, end


def _span(times: Times, reach: float) -> _Span | None:
    """Turn an event's times into a span; None where it has none.

    A baseline shift has no end. It was found in the windows on either side of its peak, so it
    reaches as far as they do.
    """
    start, peak, end = times
    if start is None:
        return None
    peak = start if peak is None else peak
    if end is not None:
        return _Span(start, peak, end)
    return _Span(min(start, peak - reach), peak, peak + reach)


def _number(
    new: Sequence[Row],
    moved: Set[int],
    left_out: Set[int],
    stay: Sequence[Row],
    decided: Mapping[Id, object],
) -> None:
    """Give new events ids that no other event of their ROI has or had; those moved keep theirs."""
    taken: dict[int, set[str]] = defaultdict(set)
    for row in [*stay, *(new[place] for place in moved)]:
        taken[_owner(row)[0]].add(row["event_id"])
    for roi_id, _, event_id in decided:
        taken[roi_id].add(event_id)
    numbers: dict[int, Iterator[int]] = defaultdict(count)
    for place, row in enumerate(new):
        if place not in moved and place not in left_out:
            roi_id, _ = _owner(row)
            row["event_id"] = next(
                text for text in map(str, numbers[roi_id]) if text not in taken[roi_id]
            )
