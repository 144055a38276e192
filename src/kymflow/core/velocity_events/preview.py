"""What a detection with other params would change, found out without writing anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from kymflow.core.artifacts.trace import load_trace
from kymflow.core.review.carry_over import Decided, bears_work, id_of, matched, merge_reviewed
from kymflow.core.review.event_rows import ADDED, load_events
from kymflow.core.review.journal import Journal
from kymflow.core.velocity_events.image import search

if TYPE_CHECKING:
    from kymflow.core.velocity_events.params import EventParams
    from kymflow_zarr import ZarrImageRecord

Fate = Literal["kept", "moved", "new", "gone"]
"""What becomes of an event: it stays where it is, is found at other times, is found for the first
time, or is not found any more."""
_TIMES = ("t_start_s", "peak_t_s", "t_end_s")
_SAME_S = 1e-6


@dataclass(frozen=True, slots=True)
class Preview:
    """What a detection would do to one image.

    Attributes:
        image_id: The image.
        events: Events as they are (``gone``) or would be (all others), in the event schema, each
            with its ``fate`` and whether a person's work is on it (``decided``).
        verdicts_moved: New events that would take over a person's work.
        verdicts_kept: Events with a person's work that no new event takes over: they stay as they
            are.
    """

    image_id: str
    events: tuple[dict[str, Any], ...]
    verdicts_moved: int
    verdicts_kept: int

    def count(self, fate: Fate) -> int:
        """Count the events of one fate."""
        return sum(event["fate"] == fate for event in self.events)


def preview_detection(rec: ZarrImageRecord, params: EventParams) -> Preview:
    """Tell what a detection of an image with these params would change.

    Args:
        rec: The image; reading it is enough.
        params: The params to try.

    Returns:
        The events as they would be, each with its fate, and what becomes of verdicts. Events that a
        person added are kept, as :func:`~kymflow.core.velocity_events.detect_image` keeps them.

    Raises:
        ArtifactNotFoundError: If the image has no trace.
        ArtifactUnreadableError: If an artifact can't be read.
        ArtifactSchemaError: If the trace is none.

    Examples:
        >>> preview = preview_detection(record, EventParams(mad_k=4.0))  # doctest: +SKIP
        >>> preview.count("gone")  # doctest: +SKIP
        2
    """
    found = search(rec, load_trace(rec), params)
    new = [event for events in found.values() for event in events]
    old = load_events(rec)
    before = old.to_dicts()
    merged = merge_reviewed(
        old,
        new,
        found.keys(),
        reach=params.win_cmp_sec,
        decided=Decided.of(rec.image_id, Journal(rec.dataset).of_image(rec.image_id)),
    )
    after = merged.events.to_dicts()
    same = {id_of(row): place for place, row in enumerate(before)}
    stays = {id_of(row) for row in merged.kept}
    partners = {new: old for old, new in matched(before, after, params.win_cmp_sec).items()}
    rows: list[dict[str, Any]] = []
    met: set[int] = set()
    for place, row in enumerate(after):
        own = same.get(id_of(row)) if row["event_type"] == ADDED or id_of(row) in stays else None
        earlier = partners.get(place) if own is None else own
        if earlier is None:
            fate: Fate = "new"
        else:
            met.add(earlier)
            fate = "kept" if _at_same_times(before[earlier], row) else "moved"
        rows.append({**row, "fate": fate, "decided": bears_work(row)})
    gone = [row for place, row in enumerate(before) if place not in met]
    rows += [{**row, "fate": "gone", "decided": bears_work(row)} for row in gone]
    return Preview(rec.image_id, tuple(rows), merged.moved, len(merged.kept))


def _at_same_times(one: dict[str, Any], other: dict[str, Any]) -> bool:
    for name in _TIMES:
        a, b = one.get(name), other.get(name)
        if (a is None) != (b is None) or (a is not None and abs(a - b) > _SAME_S):
            return False
    return True
