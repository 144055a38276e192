"""Reviews: a person's decisions on events, one verb each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from kymflow.core.artifacts.image_names import find_image
from kymflow.core.errors import ReviewConflictError, ReviewError
from kymflow.core.review.decision import (
    TIMES,
    Change,
    Decision,
    EventKey,
    Verb,
    corrected_times,
)
from kymflow.core.review.event_rows import ADDED, load_events
from kymflow.core.review.external import at_of, plain_value, recordable, snapshot
from kymflow.core.review.journal import Journal, active
from kymflow.core.review.labels import UNREVIEWED, labels_of
from kymflow.core.review.place import check_order, check_place, check_time, check_within
from kymflow.core.review.reviewer import reviewer_name
from kymflow.core.review.selection import Events, find_events
from kymflow.core.review.state import Row, key_of
from kymflow.core.review.writer import DecisionWriter

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrDataset


class Reviews:
    """One reviewer's decisions on a dataset's events.

    Each verb writes to the journal first, and then brings the events artifacts to what the
    journal says; both are on disk when it returns. Rows of tables follow with the next update of
    the index.

    Args:
        dataset: The dataset, open for writing; for reading only, if only ``events`` and ``log``
            are asked for.
        reviewer: Who decides; by default ``$KYMFLOW_REVIEWER``, else the user's name.
        dry_run: Whether to write nothing: the verbs check what they are given, and return what the
            events would be.

    Attributes:
        dataset: The dataset.
        reviewer: Who decides.
        dry_run: Whether nothing is written.
        journal: All decisions of everybody.

    Examples:
        >>> reviews = Reviews(dataset, reviewer="ann")  # doctest: +SKIP
        >>> reviews.label([key], "true_stall")  # doctest: +SKIP
    """

    def __init__(
        self, dataset: ZarrDataset, *, reviewer: str | None = None, dry_run: bool = False
    ) -> None:
        self.dataset = dataset
        self.reviewer = reviewer_name(reviewer)
        self.dry_run = dry_run
        self.journal = Journal(dataset)
        self._writer = DecisionWriter(dataset, self.journal, dry_run=dry_run)
        self._seen: dict[EventKey, Row] = {}

    def expecting(self, seen: Mapping[EventKey, Row]) -> Self:
        """Have the verbs refuse events that are no longer as somebody saw them.

        Args:
            seen: Some columns of these events, and the values that were seen.

        Returns:
            These very reviews. Their verbs raise :class:`~kymflow.core.errors.ReviewConflictError`
            from now on if one of the events differs, and decide nothing.
        """
        self._seen = {key: dict(row) for key, row in seen.items()}
        return self

    def find(self, image: str | None = None, where: str | None = None) -> Events:
        """Find events as they are now, rejected ones included; see :func:`find_events`.

        Args:
            image: Only of this image, see :meth:`find_image`; of all if None.
            where: Only events that this SQL condition picks.

        Raises:
            ImageNotFoundError: If there is no such image.
            UsageError: If the name is that of several.
            QueryError: If the condition can't be answered.
        """
        image_ids = None if image is None else [self.find_image(image)]
        return find_events(self.dataset, image_ids=image_ids, where=where)

    def find_image(self, text: str) -> str:
        """Find an image by its id, the beginning of it, or its file's name."""
        return find_image(self.dataset, text)

    def events(self, image_id: str) -> pl.DataFrame:
        """Load an image's events as they are now, rejected ones included."""
        return load_events(self.dataset.record(image_id))

    # Verbs

    def label(self, keys: Iterable[EventKey], user_type: str) -> list[Row]:
        """Give events a label.

        Args:
            keys: The events.
            user_type: One of the dataset's labels, see :func:`~.labels.labels_of`.

        Returns:
            The events as they are then.

        Raises:
            ReviewError: If an event is not there, or there is no such label.
        """
        self._check_label(user_type)
        return self._set("label", keys, {"user_type": user_type})

    def note(self, keys: Iterable[EventKey], text: str) -> list[Row]:
        """Give events a note, in place of the one they have; an empty text takes it away."""
        return self._set("note", keys, {"note": text})

    def reject(self, keys: Iterable[EventKey]) -> list[Row]:
        """Say of detected events that they are none."""
        return self._set("reject", keys, {"rejected": True})

    def restore(self, keys: Iterable[EventKey]) -> list[Row]:
        """Say of rejected events that they are events after all."""
        return self._set("restore", keys, {"rejected": False})

    def settle(self, keys: Iterable[EventKey], user_type: str) -> list[Row]:
        """Decide what the label of events is, where reviewers disagree; later labels don't count.

        Raises:
            ReviewError: As for :meth:`label`.
        """
        self._check_label(user_type)
        return self._set("settle", keys, {"user_type": user_type})

    def edit(
        self,
        key: EventKey,
        *,
        start: float | None = None,
        peak: float | None = None,
        end: float | None = None,
    ) -> Row:
        """Correct the times of an event, s; those not given stay.

        Raises:
            ReviewError: If the event is not there, would not begin before it ends, or a time is
                after the end of the recording.
        """
        given = dict(zip(TIMES, (start, peak, end), strict=True))
        times = {
            name: check_time(name, value) for name, value in given.items() if value is not None
        }
        if not times:
            raise ReviewError("give at least one of start, peak and end")

        def corrected(key: EventKey, row: Row) -> dict[str, Any]:
            check_order({**{name: row.get(name) for name in TIMES}, **times})
            check_within(self.dataset.record(key.image_id), times.values())
            return {**times, **corrected_times(row, times)}

        [row] = self._decide("edit", [key], corrected)
        return row

    def add(
        self,
        image_id: str,
        *,
        start: float,
        end: float | None = None,
        peak: float | None = None,
        roi_id: int = 1,
        channel: int = 1,
        user_type: str = UNREVIEWED,
        note: str = "",
    ) -> Row:
        """Add an event that the detector did not find.

        Args:
            image_id: The image.
            start: When it begins, s.
            end: When it ends, s, if that is known.
            peak: When it peaks, s, if that is known.
            roi_id: The ROI.
            channel: The channel, from 1.
            user_type: Its label.
            note: A note on it.

        Returns:
            The event.

        Raises:
            ImageNotFoundError: If there is no such image.
            ReviewError: If the times are no times or after the end of the recording, if the image
                has no such ROI or channel, or if there is no such label.
        """
        times = {
            "t_start_s": check_time("start", start),
            "peak_t_s": None if peak is None else check_time("peak", peak),
            "t_end_s": None if end is None else check_time("end", end),
        }
        check_order(times)
        self._check_label(user_type)
        with self._writer.at_work([image_id]) as rows:
            rec = self.dataset.record(image_id)
            check_place(rec, roi_id, channel)
            check_within(rec, times.values())
            taken = {str(row["event_id"]) for row in rows[image_id]}
            # An id is never used again: undoing a removal would meet the later event.
            taken |= {c.key.event_id for d in self.journal.of_image(image_id) for c in d.changes}
            number = next(n for n in range(len(taken) + 1) if f"user-{n}" not in taken)
            row: Row = {
                "roi_id": roi_id,
                "channel": channel,
                "event_id": f"user-{number}",
                "event_type": ADDED,
                **times,
                "duration_s": None if end is None else end - start,
                "machine_type": "other",
                "user_type": user_type,
                "note": note,
                "candidate": False,
                "rejected": False,
                "edited": False,
            }
            key = key_of(image_id, row)
            change = Change(key, None, row, at_of(row))
            return self._writer.carry_out(
                Decision("add", self.reviewer, [change], self._by_queue), rows
            )[key]

    def remove(self, keys: Iterable[EventKey]) -> None:
        """Take away events that a person added; detected ones are rejected instead.

        Raises:
            ReviewError: If an event is not there, or was not added by a person.
        """
        asked = list(keys)
        with self._writer.at_work(key.image_id for key in asked) as rows:
            changes = []
            for key in asked:
                row = self._row_of(key, rows)
                if row["event_type"] != ADDED:
                    raise ReviewError(
                        "only events that a person added can be removed; reject this one instead",
                        image_id=key.image_id,
                    )
                changes.append(Change(key, recordable(row), None, at_of(row)))
            self._writer.carry_out(Decision("remove", self.reviewer, changes, self._by_queue), rows)

    def undo(self) -> Decision:
        """Undo the last decision of this reviewer that is not undone; any number, one by one.

        Returns:
            The decision that was undone.

        Raises:
            ReviewError: If there is none left.
        """
        own = [d for d in active(self._own()) if d.changes]
        if not own:
            raise ReviewError(f"{self.reviewer} has nothing to undo")
        return self._turn("undo", own[-1])

    def redo(self) -> Decision:
        """Bring back what this reviewer undid last; a new decision in between ends that.

        Raises:
            ReviewError: If there is nothing to bring back.
        """
        own = self._own()
        waiting: list[str] = []
        for decision in own:
            if decision.verb == "undo" and decision.target:
                waiting.append(decision.target)
            elif decision.verb == "redo":
                waiting.remove(decision.target or "")
            elif decision.changes:
                waiting.clear()
        if not waiting:
            raise ReviewError(f"{self.reviewer} has undone nothing that could be brought back")
        return self._turn("redo", next(d for d in own if d.id == waiting[-1]))

    # How

    _by_queue: str | None = None
    """The queue by which decisions are made."""

    def _own(self) -> list[Decision]:
        return [d for d in self.journal.decisions() if d.reviewer == self.reviewer]

    def _check_label(self, user_type: str) -> None:
        labels = labels_of(self.dataset)
        if user_type not in labels:
            raise ReviewError(f"there is no label {user_type!r}; there are {', '.join(labels)}")

    def _set(self, verb: Verb, keys: Iterable[EventKey], values: Mapping[str, Any]) -> list[Row]:
        return self._decide(verb, keys, lambda *_: dict(values))

    def _decide(
        self,
        verb: Verb,
        keys: Iterable[EventKey],
        after: Callable[[EventKey, Row], dict[str, Any]],
    ) -> list[Row]:
        """Record one decision on some events, and return these as they are then."""
        asked = list(dict.fromkeys(keys))
        with self._writer.at_work(key.image_id for key in asked) as rows:
            changes = []
            for key in asked:
                row = self._row_of(key, rows)
                values = after(key, row)
                before = {name: plain_value(row.get(name)) for name in values}
                changes.append(Change(key, before, values, at_of(row), snapshot(row)))
            if not changes:
                return []
            found = self._writer.carry_out(
                Decision(verb, self.reviewer, changes, self._by_queue), rows
            )
        return [found[key] for key in asked]

    def _turn(self, verb: Verb, target: Decision) -> Decision:
        images = {change.key.image_id for change in target.changes}
        with self._writer.at_work(i for i in images if self.dataset.has_image(i)) as rows:
            self._writer.carry_out(Decision(verb, self.reviewer, (), target.id), rows)
        return target

    def _row_of(self, key: EventKey, rows: Mapping[str, Sequence[Row]]) -> Row:
        own = rows[key.image_id]
        row = next((row for row in own if key_of(key.image_id, row) == key), None)
        if row is None:
            ids = ", ".join(str(row["event_id"]) for row in own) or "none"
            raise ReviewError(
                f"there is no event {key.event_id!r} of ROI {key.roi_id}, channel {key.channel}; "
                f"events here: {ids}",
                image_id=key.image_id,
            )
        shown = self._as_shown(key, row)
        seen = self._seen.get(key, {})
        changed = [name for name, value in seen.items() if shown.get(name) != value]
        if changed:
            told = ", ".join(
                f"{name} is {shown.get(name)!r}, not {seen[name]!r}" for name in changed
            )
            raise ReviewConflictError(
                f"event {key.event_id!r} was changed since it was shown: {told}; look at it again",
                image_id=key.image_id,
            )
        return row

    def _as_shown(self, key: EventKey, row: Row) -> Row:
        """Give an event as its reviewer sees it."""
        return row
