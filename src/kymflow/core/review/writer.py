"""Writing a decision: to the journal first, then to the events of each image it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from kymflow.core.artifacts.detection import written_events
from kymflow.core.review.decision import Decision, EventKey
from kymflow.core.review.event_rows import load_events, save_events
from kymflow.core.review.external import reconciled
from kymflow.core.review.journal import Journal
from kymflow.core.review.state import Row, key_of, replayed
from kymflow_zarr.store import layout

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord


class DecisionWriter:
    """Writes decisions; both journal and events are whole whenever this is interrupted.

    Args:
        dataset: The dataset, open for writing unless nothing is written.
        journal: Its journal.
        dry_run: Whether to write nothing, and only tell what the events would be.
    """

    def __init__(self, dataset: ZarrDataset, journal: Journal, *, dry_run: bool) -> None:
        self._dataset = dataset
        self._journal = journal
        self._dry_run = dry_run

    @contextmanager
    def at_work(self, image_ids: Iterable[str]) -> Iterator[dict[str, list[Row]]]:
        """Yield the events of some images, which nobody else changes within the block."""
        records = [self._dataset.record(image_id) for image_id in sorted(set(image_ids))]
        with ExitStack() as held:
            # In one order for all who lock several: no two wait for each other.
            locks = {layout.image_lock(self._dataset.path, rec.image_id): rec for rec in records}
            for _, rec in sorted(locks.items()) if not self._dry_run else ():
                held.enter_context(rec.lock())
            yield {rec.image_id: self._up_to_date(rec) for rec in records}

    def carry_out(self, decision: Decision, rows: Mapping[str, list[Row]]) -> dict[EventKey, Row]:
        """Write a decision, within :meth:`at_work`.

        Args:
            decision: The decision.
            rows: The events of the images, as that yielded them.

        Returns:
            All events of the images as they are then.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            WriteError: If it can't be written.
        """
        unwritten = [decision] if self._dry_run else []
        if not self._dry_run:
            self._journal.record(decision)
        found: dict[EventKey, Row] = {}
        for image_id, old in rows.items():
            decisions = [*self._journal.of_image(image_id), *unwritten]
            new = replayed(image_id, old, decisions)
            if new != old and not self._dry_run:
                save_events(self._dataset.record(image_id), new)
            found.update((key_of(image_id, row), row) for row in new)
        return found

    def _up_to_date(self, rec: ZarrImageRecord) -> list[Row]:
        """Load events as the journal has them, once it has what other programs wrote."""
        rows = load_events(rec).to_dicts()
        decisions = self._journal.of_image(rec.image_id)
        written = written_events(rec)
        if not decisions and written is None:
            return rows
        current, external = reconciled(rec.image_id, rows, decisions, written)
        if not self._dry_run:
            for each in external:
                self._journal.record(each)
            if current != rows:
                save_events(rec, current)  # else the next decision would hide that one is missing
        return current
