"""From decisions to events: what the journal says that an image's events are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.review.decision import Change, Decision, EventKey
from kymflow.core.review.event_rows import FLAGS
from kymflow.core.review.journal import active
from kymflow.core.review.labels import UNREVIEWED

Row = dict[str, Any]
_LABEL = "user_type"


def key_of(image_id: str, row: Mapping[str, Any]) -> EventKey:
    """Name the event of a row."""
    return EventKey(image_id, row.get("roi_id"), row.get("channel"), str(row.get("event_id")))


def replayed(image_id: str, rows: Sequence[Row], decisions: Sequence[Decision]) -> list[Row]:
    """Bring an image's events to what the journal says.

    A column that some decision concerns gets the value of the last one that is not undone. Where
    all are undone it gets the value before the first, unless a new detection gave it another since.
    Everything else is left as it is. A label that was settled outlasts later labels. An event that
    is gone comes back, as it was, if a verdict on it stands: a detection dropped it while none did.

    Args:
        image_id: The image.
        rows: Its events.
        decisions: The decisions on it, undone ones included, first to last.
    """
    by_key = {key_of(image_id, row): dict(row) for row in rows}
    standing_by_key = _concerned(image_id, active(decisions))
    for key, changes in _concerned(image_id, decisions).items():
        standing = standing_by_key.get(key, [])
        row = by_key.get(key)
        last_whole = next((c for _, c in reversed(standing) if _is_whole(c)), None)
        if any(_is_whole(change) for _, change in changes):
            first = next(change for _, change in changes if _is_whole(change))
            whole = last_whole.after if last_whole is not None else first.before
            if whole is None:
                by_key.pop(key, None)
                continue
            row = by_key.setdefault(key, dict(whole) if row is None else row)
        names = dict.fromkeys(n for _, c in changes if not _is_whole(c) for n in c.after or ())
        if row is None:
            row = _gone(key, changes)
            if row is None or not any(_is_verdict(n, _last(n, standing)) for n in names):
                continue
            by_key[key] = row
        for name in names:
            row[name] = _value(name, row.get(name), changes, standing)
    return list(by_key.values())


def brought_up(image_id: str, rows: list[Row], decisions: Sequence[Decision]) -> list[Row]:
    """Carry out the last decision where a killed process wrote it to the journal only.

    Rows that differ from the journal in any other way are left as they are: another program
    changed them.
    """
    earlier = decisions[:-1]
    if not decisions or replayed(image_id, rows, earlier) != rows:
        return rows
    by_key = {key_of(image_id, row): row for row in rows}
    standing = _concerned(image_id, active(earlier))
    target = next((d for d in earlier if d.id == decisions[-1].target), decisions[-1])
    for key, changes in _concerned(image_id, [target]).items():
        told = {name for _, change in standing.get(key, ()) for name in change.after or ()}
        before = {} if _is_whole(changes[0][1]) else changes[0][1].before or {}
        if any(by_key.get(key, {}).get(n) != v for n, v in before.items() if n not in told):
            return rows  # no earlier decision says what this value was, but the last one does
    return replayed(image_id, rows, decisions)


def _gone(key: EventKey, changes: Sequence[tuple[Decision, Change]]) -> Row | None:
    """Give an event that is gone as it was when it was last decided on; None if it is not known."""
    known = [change.event for _, change in changes if change.event is not None]
    if not known:
        return None
    blank = dict.fromkeys((*EVENT_SCHEMA, *FLAGS))
    owner = {"roi_id": key.roi_id, "channel": key.channel, "event_id": key.event_id}
    return {**blank, **dict.fromkeys(FLAGS, False), **known[-1], **owner}


def _is_verdict(name: str, value: Any) -> bool:
    """Tell whether the value of a column is something that a person would miss."""
    if name == _LABEL:
        return (value or UNREVIEWED) != UNREVIEWED
    if name == "note":
        return bool((value or "").strip())
    if name in FLAGS:
        return bool(value)
    return name not in EVENT_SCHEMA and value is not None


def _last(name: str, standing: Sequence[tuple[Decision, Change]]) -> Any:
    """Give the value of a column that stands; None if none does."""
    of_column = [(d, c) for d, c in standing if not _is_whole(c) and name in (c.after or {})]
    if name == _LABEL:
        of_column = [(d, c) for d, c in of_column if d.verb == "settle"] or of_column
    return (of_column[-1][1].after or {})[name] if of_column else None


def _value(
    name: str,
    now: Any,
    changes: Sequence[tuple[Decision, Change]],
    standing: Sequence[tuple[Decision, Change]],
) -> Any:
    if any(not _is_whole(c) and name in (c.after or {}) for _, c in standing):
        return _last(name, standing)
    undone = [c for _, c in changes if not _is_whole(c) and name in (c.after or {})]
    if all((c.after or {})[name] != now for c in undone):
        return now
    return (undone[0].before or {}).get(name)


def _is_whole(change: Change) -> bool:
    """Tell whether a change is about the event as a whole: added, or removed."""
    return change.before is None or change.after is None


def _concerned(
    image_id: str, decisions: Iterable[Decision]
) -> dict[EventKey, list[tuple[Decision, Change]]]:
    found: dict[EventKey, list[tuple[Decision, Change]]] = {}
    for decision in decisions:
        for change in decision.changes:
            if change.key.image_id == image_id:
                found.setdefault(change.key, []).append((decision, change))
    return found
