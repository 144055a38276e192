"""A decision: what one person did to some events, as a line of the journal."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

Verb = Literal[
    "label", "note", "reject", "restore", "edit", "add", "remove",
    "settle", "undo", "redo", "unblind",
]  # fmt: skip
EXTERNAL = "external"
"""Reviewer of what other programs changed in an events artifact."""
TIMES = ("t_start_s", "peak_t_s", "t_end_s")
"""Columns that say when an event is, s."""


INDICES = ("i_start", "i_peak", "i_end")
"""Columns that say at which samples of the trace the detector found that."""


_OF_CHANGE = ("before", "after", "at", "event")


class EventKey(NamedTuple):
    """Which event: ids are unique within an image, a ROI and a channel."""

    image_id: str
    roi_id: int | None
    channel: int | None
    event_id: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a decision does to one event.

    Attributes:
        key: The event.
        before: The columns concerned and their values until then; None for an event added.
        after: Likewise from then on; None for an event removed.
        at: Its start, peak and end at that moment, s, by which it can be matched if ids change.
        event: The event as it was then, less what was null: from this it comes back if an undo
            or a redo gives it a verdict after a detection did not find it any more. None where
            ``before`` or ``after`` is the whole event.
    """

    key: EventKey
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    at: tuple[float | None, float | None, float | None] = (None, None, None)
    event: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """One entry of the journal. A bulk decision is one entry with many changes.

    Attributes:
        verb: What was done.
        reviewer: By whom.
        changes: To which events; none for ``undo``, ``redo`` and ``unblind``.
        target: The id of the decision that is undone or done again; else the name of the queue
            that is unblinded, or by which the decision was made.
        decided_at: When, UTC.
        id: Names the decision.
    """

    verb: Verb
    reviewer: str
    changes: Sequence[Change] = ()
    target: str | None = None
    decided_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def to_entry(self) -> dict[str, Any]:
        """Give the journal's line."""
        entry = asdict(self)
        entry["decided_at"] = self.decided_at.isoformat(timespec="microseconds")
        entry["changes"] = [
            {**change.key._asdict(), **{name: getattr(change, name) for name in _OF_CHANGE}}
            for change in self.changes
        ]
        return entry

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Decision:
        """Read a journal's line.

        Raises:
            ValueError: If it is not one.
        """
        try:
            changes = tuple(
                Change(
                    EventKey(each["image_id"], each["roi_id"], each["channel"], each["event_id"]),
                    each["before"],
                    each["after"],
                    tuple(each["at"]),
                    each.get("event"),
                )
                for each in entry["changes"]
            )
            decided_at = datetime.fromisoformat(entry["decided_at"])
            return cls(
                entry["verb"], entry["reviewer"], changes, entry["target"], decided_at, entry["id"]
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"it is not a decision: {error}") from error


def corrected_times(row: Mapping[str, Any], times: Mapping[str, Any]) -> dict[str, Any]:
    """Say what else an event is once a person has corrected its times.

    It lasts from its start to its end, unless its length was given with the times, and no sample of
    the trace stands for it any more.

    Args:
        row: The event as it was.
        times: What was corrected; anything but times changes nothing else.
    """
    if not times.keys() & {*TIMES}:
        return {}
    start, end = (times.get(name, row.get(name)) for name in ("t_start_s", "t_end_s"))
    known = start is not None and end is not None
    length = {} if "duration_s" in times else {"duration_s": end - start if known else None}
    return {**dict.fromkeys(INDICES), **length, "edited": True}
