"""What another program changed in an events artifact, as decisions of ``external``.

The events as they were last written are in the detection's record. With the decisions since they
say what the artifact should hold; whatever else it holds was written by another program, and what
it lacks was deleted by one. Two states are no work of anybody: a value that the event had before,
as in a file written over with an older state; and events that are mostly others than those last
written, as in one of another detection. There the journal's values stay.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.review.decision import (
    EXTERNAL,
    TIMES,
    Change,
    Decision,
    EventKey,
    Verb,
    corrected_times,
)
from kymflow.core.review.event_rows import FLAGS
from kymflow.core.review.state import Row, brought_up, key_of, replayed

_VERBS: Mapping[str, Verb] = {"user_type": "label", "note": "note"}
_DERIVED = ("edited",)
"""Columns that follow from others; another program that corrects times does not know of them."""

Written = Sequence[Mapping[str, Any]]


def reconciled(
    image_id: str,
    rows: list[Row],
    decisions: Sequence[Decision],
    written: Written | None = None,
) -> tuple[list[Row], list[Decision]]:
    """Bring events to what the journal says, with what another program changed.

    Args:
        image_id: The image.
        rows: Its events.
        decisions: The decisions on it, first to last.
        written: The events as they were last written here, as far as is on record; None if it is
            not known, so that events that nobody decided on can't be told from changed ones.

    Returns:
        The events, and the decisions of ``external`` that the journal lacks.
    """
    current = brought_up(image_id, rows, decisions)
    external = list(external_decisions(image_id, current, decisions, written))
    return replayed(image_id, current, [*decisions, *external]), external


def external_decisions(
    image_id: str,
    rows: Sequence[Row],
    decisions: Sequence[Decision],
    written: Written | None = None,
) -> Iterator[Decision]:
    """Yield what makes an image's events differ from what was written and decided.

    Args:
        image_id: The image.
        rows: Its events, with the journal's last decision carried out.
        decisions: The decisions on it, first to last.
        written: As for :func:`reconciled`.
    """
    theirs = {key_of(image_id, row): row for row in rows}
    told = {key_of(image_id, row): dict(row) for row in written or ()}
    if not _is_descendant(theirs, told):
        told = {}
    elif written is not None:
        yield from _taken_away(image_id, theirs, told, decisions)
        yield from _added(theirs, told, decisions)
    expected = [_as_written(row, told.get(key)) for key, row in theirs.items()]
    ours = {key_of(image_id, row): row for row in replayed(image_id, expected, decisions)}
    earlier = _earlier_values(decisions)
    by_verb: dict[Verb, list[Change]] = defaultdict(list)
    for key in theirs.keys() & ours.keys():
        row, decided = plain(theirs[key]), plain(ours[key])
        values: dict[Verb, dict[str, Any]] = defaultdict(dict)
        for name, value in row.items():
            if value == decided.get(name) or name in _DERIVED:
                continue
            if _is_plain(value) and value not in earlier[key].get(name, ()):
                values[_verb(name, value)][name] = value
        for verb, after in values.items():
            if verb == "edit":
                after.update(corrected_times(decided, after))
            before = {name: decided.get(name) for name in after}
            change = Change(key, before, after, at_of(decided), snapshot(decided))
            by_verb[verb].append(change)
    for verb, changes in by_verb.items():
        yield Decision(verb, EXTERNAL, changes)


def _is_descendant(
    theirs: Mapping[EventKey, Mapping[str, Any]], told: Mapping[EventKey, Mapping[str, Any]]
) -> bool:
    """Tell whether events are those last written, but for some changes.

    Another detection numbers its events alike: so type and times count, not ids alone.
    """
    known = sum(key in told and _is_same(row, told[key]) for key, row in theirs.items())
    return 2 * known >= min(len(theirs), len(told))


def _is_same(row: Mapping[str, Any], told: Mapping[str, Any]) -> bool:
    if row.get("event_type") != told.get("event_type"):
        return False
    pairs = list(zip(at_of(row), at_of(told), strict=True))
    return any(now is not None and now == then for now, then in pairs) or all(
        now is None or then is None for now, then in pairs
    )


def _as_written(row: Row, told: Mapping[str, Any] | None) -> Row:
    """Give an event as it was last written, as far as that is on record."""
    if told is None:
        return row
    own = {name: None for name in row if name not in EVENT_SCHEMA and name not in FLAGS}
    return {**row, **own, **told}


def _taken_away(
    image_id: str,
    theirs: Mapping[EventKey, Row],
    told: Mapping[EventKey, Row],
    decisions: Sequence[Decision],
) -> Iterator[Decision]:
    """Yield that events were deleted which are neither there nor taken away by anybody."""
    standing = replayed(image_id, list(told.values()), decisions)
    gone = [row for row in standing if key_of(image_id, row) in told.keys() - theirs.keys()]
    if gone:
        changes = [Change(key_of(image_id, r), recordable(r), None, at_of(r)) for r in gone]
        yield Decision("remove", EXTERNAL, changes)


def _added(
    theirs: Mapping[EventKey, Row],
    told: Mapping[EventKey, Row],
    decisions: Sequence[Decision],
) -> Iterator[Decision]:
    """Yield that events were added which nobody has written or decided on."""
    decided = {change.key for decision in decisions for change in decision.changes}
    new = {key: row for key, row in theirs.items() if key not in told and key not in decided}
    if new:
        changes = [Change(key, None, recordable(row), at_of(row)) for key, row in new.items()]
        yield Decision("add", EXTERNAL, changes)


def _earlier_values(decisions: Sequence[Decision]) -> dict[EventKey, dict[str, list[Any]]]:
    """List the values that each column of an event had before a decision or by one."""
    found: dict[EventKey, dict[str, list[Any]]] = defaultdict(lambda: defaultdict(list))
    for decision in decisions:
        for change in decision.changes:
            for values in (change.before, change.after):
                for name, value in (values or {}).items():
                    found[change.key][name].append(value)
    return found


def _verb(name: str, value: object) -> Verb:
    if name == "rejected":
        return "reject" if value else "restore"
    return _VERBS.get(name, "edit")


def at_of(row: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    """Tell when an event starts, peaks and ends, s."""
    start, peak, end = (plain_value(row.get(name)) for name in TIMES)
    return start, peak, end


def plain(row: Mapping[str, Any]) -> Row:
    """Turn a row's numbers into those that JSON can hold."""
    return {name: plain_value(value) for name, value in row.items()}


def recordable(row: Mapping[str, Any]) -> Row:
    """Turn a row into one that the journal can hold: without columns of lists, dates and such."""
    return {name: value for name, value in plain(row).items() if _is_plain(value)}


def snapshot(row: Mapping[str, Any]) -> Row:
    """Turn a row into what the journal keeps of it: what is not null, and can be recorded."""
    return {name: value for name, value in recordable(row).items() if value is not None}


def plain_value(value: Any) -> Any:
    """Turn a value into one that JSON can hold: NaN and infinity are unknown."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
