"""Blind review: verdicts by a queue, from a reviewer who is not told which images they are on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

import polars as pl

from kymflow.core.errors import ReviewError
from kymflow.core.review.decision import Decision, EventKey, Verb
from kymflow.core.review.labels import UNREVIEWED
from kymflow.core.review.queue import Queue, load_queue
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.selection import Events, find_events, picked
from kymflow.core.review.state import Row, key_of
from kymflow.core.review.verdicts import standing_verdicts
from kymflow_zarr.errors import DatasetError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

_NO_WORD = 8
"""An id of so many letters is no word that a message may hold by chance."""
SHOWN = (
    *("image_id", "roi_id", "channel", "event_id", "event_type"),
    *("t_start_s", "peak_t_s", "t_end_s", "duration_s", "strength", "score"),
    *("baseline_before", "baseline_after", "candidate", "machine_type"),
    *("user_type", "rejected", "edited", "note"),
)
"""What a blind reviewer sees of an event."""


class BlindReviews(Reviews):
    """One reviewer's decisions on the events of a queue.

    Everywhere an image would be named stands its alias: in what is returned, in errors, and in the
    keys that the verbs take. What others said is not told either: labels, notes and rejections
    shown are the reviewer's own. :meth:`unblind` tells what the aliases stand for, and is on
    record. Each decision says by which queue it was made.

    Args:
        dataset: As for :class:`Reviews`.
        queue: The name of the queue.
        reviewer: As for :class:`Reviews`.
        dry_run: As for :class:`Reviews`.

    Attributes:
        queue: The queue.

    Raises:
        ReviewError: If there is no such queue.

    Examples:
        >>> reviews = BlindReviews(dataset, "first", reviewer="ann")  # doctest: +SKIP
        >>> for key in reviews.find().keys:  # doctest: +SKIP
        ...     reviews.label([key], "true_stall")
    """

    def __init__(
        self,
        dataset: ZarrDataset,
        queue: str,
        *,
        reviewer: str | None = None,
        dry_run: bool = False,
    ) -> None:
        super().__init__(dataset, reviewer=reviewer, dry_run=dry_run)
        self.queue: Queue = load_queue(dataset, queue)
        self._by_queue = self.queue.name

    @property
    def is_blind(self) -> bool:
        """Tell whether the reviewer may not know the images yet."""
        return not any(
            decision.verb == "unblind"
            and decision.target == self.queue.name
            and decision.reviewer == self.reviewer
            for decision in self.journal.decisions()
        )

    def unblind(self) -> pl.DataFrame:
        """Tell the reviewer which images they are; that is on record from then on.

        Returns:
            Frame (place, alias, image_id, roi_id, channel, event_id, group), a row per event, as
            of :meth:`Queue.frame`.
        """
        if self.is_blind and not self.dry_run:
            self.journal.record(Decision("unblind", self.reviewer, (), self.queue.name))
        return self.queue.frame()

    def find(self, image: str | None = None, where: str | None = None) -> Events:
        """Load the events of the queue, in its order, then those that the reviewer added to them.

        Args:
            image: Only of this image: its alias.
            where: Only events that this SQL condition picks, as of :func:`find_events`; it is over
                what is shown.

        Returns:
            Frame (image_id: the alias, and the other columns of ``SHOWN``), a row per event that is
            still there.
        """
        asked = None if image is None else self.find_image(image)
        with self._names_hidden():
            real = find_events(self.dataset, image_ids=self._images_there())
        rows = dict(zip(real.keys, real.frame.to_dicts(), strict=True))
        own = {_key(row): row for row in self._verdicts() if row["reviewer"] == self.reviewer}
        added = [key for key, row in own.items() if row["added"]]
        aliases = self._aliases
        shown = [
            {**rows[key], **_of_reviewer(own.get(key)), "image_id": aliases[key.image_id]}
            for key in dict.fromkeys([*(item.key for item in self.queue.items), *added])
            if key in rows and asked in (None, aliases[key.image_id])
        ]
        schema = {name: real.frame.schema[name] for name in SHOWN}
        frame = pl.DataFrame(shown, schema=schema)
        failures = tuple(
            replace(each, image_id=aliases[each.image_id], message=self._hide(each.message))
            for each in real.failures
        )
        chosen = frame if where is None else picked(self.dataset, frame, where)
        return Events(chosen, failures)

    def find_image(self, text: str) -> str:
        """Check an alias and return it.

        Raises:
            ReviewError: If the queue has none such.
        """
        if text not in self.queue.images:
            raise ReviewError(f"the queue {self.queue.name!r} has no image {text!r}")
        return text

    def events(self, image_id: str) -> pl.DataFrame:
        """Load the queue's events of an image, given its alias."""
        return self.find(image_id).frame

    def expecting(self, seen: Mapping[EventKey, Row]) -> Self:
        """Likewise, given aliases; what others say of an event meanwhile is no conflict."""
        return super().expecting({self._real_key(key): row for key, row in seen.items()})

    def record(self, image: str) -> ZarrImageRecord:
        """Return the image behind an alias, to draw it: its name is not to be shown."""
        return self.dataset.record(self._real(self.find_image(image)))

    def add(self, image_id: str, **values: Any) -> Row:
        """Add an event to an image, given its alias; see :meth:`Reviews.add`."""
        with self._names_hidden():
            return super().add(self._real(self.find_image(image_id)), **values)

    def remove(self, keys: Iterable[EventKey]) -> None:
        """Take away events that a person added; see :meth:`Reviews.remove`."""
        with self._names_hidden():
            super().remove([self._real_key(key) for key in keys])

    def progress(self) -> pl.DataFrame:
        """Count how far everyone has come with the queue.

        Returns:
            Frame (reviewer, n_events, n_judged, judged_percent, unblinded bool), a row per reviewer
            who judged some of it or was told what it is of.
        """
        wanted = {item.key for item in self.queue.items}
        judged = Counter(
            row["reviewer"]
            for row in self._verdicts()
            if row["verdict"] is not None and _key(row) in wanted
        )
        unblinded = {
            decision.reviewer
            for decision in self.journal.decisions()
            if decision.verb == "unblind" and decision.target == self.queue.name
        }
        return pl.DataFrame(
            [
                (name, len(wanted), judged[name], 100 * judged[name] / len(wanted),
                 name in unblinded)
                for name in sorted({*judged, *unblinded})
            ],
            {"reviewer": pl.String(), "n_events": pl.Int64(), "n_judged": pl.Int64(),
             "judged_percent": pl.Float64(), "unblinded": pl.Boolean()},
            orient="row",
        )  # fmt: skip

    def _decide(
        self,
        verb: Verb,
        keys: Iterable[EventKey],
        after: Callable[[EventKey, Row], dict[str, Any]],
    ) -> list[Row]:
        with self._names_hidden():
            return super()._decide(verb, [self._real_key(key) for key in keys], after)

    def _as_shown(self, key: EventKey, row: Row) -> Row:
        own = (r for r in self._verdicts_on(key.image_id) if r["reviewer"] == self.reviewer)
        verdict = next((r for r in own if _key(r) == key), None)
        return {**row, **_of_reviewer(verdict)}

    def _real_key(self, key: EventKey) -> EventKey:
        return key._replace(image_id=self._real(self.find_image(key.image_id)))

    def _real(self, alias: str) -> str:
        return self.queue.images[alias]

    @property
    def _aliases(self) -> dict[str, str]:
        return {image_id: alias for alias, image_id in self.queue.images.items()}

    def _images_there(self) -> list[str]:
        return [i for i in set(self.queue.images.values()) if self.dataset.has_image(i)]

    def _verdicts(self) -> Iterator[Row]:
        for image_id in set(self.queue.images.values()):
            yield from self._verdicts_on(image_id)

    def _verdicts_on(self, image_id: str) -> Iterable[Row]:
        return standing_verdicts(image_id, self.journal.of_image(image_id))

    def _hide(self, text: str) -> str:
        for alias, image_id in self.queue.images.items():
            # A short id may be a word of the message: it is one where it is quoted or in a path.
            named = re.escape(image_id)
            if len(image_id) < _NO_WORD:
                named = rf"(?<=[/'\"]){named}(?=[/'\"])"
            text = re.sub(named, alias, text)
        return text

    @contextmanager
    def _names_hidden(self) -> Iterator[None]:
        """Put aliases in the place of images' names in any error."""
        try:
            yield
        except DatasetError as error:
            places = {
                "image_id": error.image_id and self._aliases.get(error.image_id, error.image_id),
                "artifact": error.artifact and self._hide(error.artifact),
            }
            raise type(error)(self._hide(error.message), **places) from None


def _key(row: Row) -> EventKey:
    return key_of(row["image_id"], row)


def _of_reviewer(row: Row | None) -> Row:
    """Say what one reviewer said of an event, as the event's own columns."""
    if row is None:
        return {"user_type": UNREVIEWED, "note": "", "rejected": False}
    return {
        "user_type": row["label"] or UNREVIEWED,
        "note": row["note"] or "",
        "rejected": bool(row["rejected"]),
    }
