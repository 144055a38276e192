"""What another program changed in an events artifact, as decisions of ``external``.

A value that is what it was before anybody decided is no decision of theirs: a file written over
with an older state, as by an import, says nothing about the event. The journal's value stays.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kymflow.core.review.decision import EXTERNAL, TIMES, Change, Decision, EventKey, Verb
from kymflow.core.review.state import Row, brought_up, key_of, replayed

_VERBS: Mapping[str, Verb] = {"user_type": "label", "note": "note"}


def reconciled(
    image_id: str, rows: list[Row], decisions: Sequence[Decision]
) -> tuple[list[Row], list[Decision]]:
    """Bring events to what the journal says, with what another program changed.

    Returns:
        The events, and the decisions of ``external`` that the journal lacks.
    """
    current = brought_up(image_id, rows, decisions)
    external = list(external_decisions(image_id, current, decisions))
    return replayed(image_id, current, [*decisions, *external]), external


def external_decisions(
    image_id: str, rows: Sequence[Row], decisions: Sequence[Decision]
) -> Iterator[Decision]:
    """Yield what makes an image's events differ from what the journal says.

    Args:
        image_id: The image.
        rows: Its events, with the journal's last decision carried out.
        decisions: The decisions on it, first to last.
    """
    theirs = {key_of(image_id, row): row for row in rows}
    ours = {key_of(image_id, row): row for row in replayed(image_id, rows, decisions)}
    undecided = _undecided(decisions)
    by_verb: dict[Verb, list[Change]] = defaultdict(list)
    for key in theirs.keys() & ours.keys():
        row, decided = plain(theirs[key]), plain(ours[key])
        values: dict[Verb, dict[str, Any]] = defaultdict(dict)
        for name, value in row.items():
            if value != decided.get(name) and value != undecided[key].get(name):
                values[_verb(name, value)][name] = value
        for verb, after in values.items():
            before = {name: decided.get(name) for name in after}
            by_verb[verb].append(Change(key, before, after, at_of(row)))
    for verb, changes in by_verb.items():
        yield Decision(verb, EXTERNAL, changes)


def _undecided(decisions: Sequence[Decision]) -> dict[EventKey, Row]:
    """Find what the values of each event were before the first decision on them."""
    found: dict[EventKey, Row] = defaultdict(dict)
    for decision in decisions:
        for change in decision.changes:
            found[change.key] = {**(change.before or {}), **found[change.key]}
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
    """Turn a row into one that JSON can hold."""
    return {name: plain_value(value) for name, value in row.items()}


def plain_value(value: Any) -> Any:
    """Turn a value into one that JSON can hold: NaN and infinity are unknown."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
