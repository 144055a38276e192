"""The images that the dataset's journal names since an indexer's last update."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from kymflow.core.kym_dataset.update.evidence import watched

if TYPE_CHECKING:
    from kymflow.core.kym_dataset.indexers.base import Indexer
    from kymflow.core.kym_dataset.ledger import Ledger
    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)


class NotedImages:
    """What an indexer has to look at, by the journal; to be made before anything is looked at.

    Args:
        dataset: The dataset.
        indexer: The indexer.
        version: Its version now.
        ledger: Its table's ledger.
    """

    def __init__(
        self, dataset: ZarrDataset, indexer: Indexer, version: str, ledger: Ledger
    ) -> None:
        self._dataset = dataset
        self._indexer = indexer
        self._version = version
        self._ledger = ledger
        self._journal = dataset.journal
        self._notes = self._journal.read(ledger.runs.name) if self._journal.is_on else None

    def changed(self) -> list[str] | None:
        """Name the images written to since the last update; None where any may be due.

        Raises:
            NoJournalError: If the dataset keeps no journal.
        """
        name = self._ledger.runs.name
        notes = self._journal.read(name) if self._notes is None else self._notes
        if not notes.whole:
            why = "the journal does not reach back to its last update"
        elif notes.state != self._version:
            why = f"it was last updated at version {notes.state!r}"
        elif not self._is_as_left():
            why = "it is not as its last update left it"
        else:
            return list(notes.image_ids)
        log.info("table %s: all images are looked at: %s", name, why)
        return None

    def done(self) -> None:
        """Keep that all that was noted before this update has been looked at."""
        if self._notes is not None:
            self._journal.keep(self._ledger.runs.name, self._notes, self._version)

    def _is_as_left(self) -> bool:
        ledger, dataset = self._ledger, self._dataset
        if not dataset.tables.exists(ledger.runs.name) or not ledger.is_for_table(ledger.runs):
            return False
        if watched(self._indexer, dataset) is None:
            return True
        return dataset.tables.exists(ledger.seen) and ledger.is_for_table(ledger.seen)
