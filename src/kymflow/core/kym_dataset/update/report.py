"""What one update did, as one value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from kymflow.core.wording import counted, told
from kymflow.core.workers.progress import Failure as Failure
from kymflow.core.workers.progress import Progress as Progress


@dataclass(frozen=True, slots=True)
class UpdateReport(Mapping[str, Any]):
    """What one ``update_index`` did. Fields read as attributes and as mapping keys alike.

    Attributes:
        indexer: The indexer's name.
        mode: ``"replace"`` or ``"incremental"``.
        table: The table's name.
        updated: Images whose rows were made again, zero rows included.
        skipped: Images that were fresh.
        missing: Images that had no rows and no record of a run.
        pruned: Images no longer in the dataset whose rows were removed.
        failed: Images that could not be indexed; their old rows stand.
        resumed: Images, among those updated, whose rows an interrupted run had already made.
        rows: Rows in the table afterwards.
        reasons: Images by reason of the decision.
        failures: The failed images.
        noted: Images looked at because the journal names them; None where all were, or those asked
            for.
        noted_ids: These images, those that are gone included.
        seconds: How long it took, s.
    """

    indexer: str
    mode: str
    table: str
    updated: int
    skipped: int
    missing: int
    pruned: int
    failed: int
    resumed: int
    rows: int
    reasons: Mapping[str, int]
    failures: tuple[Failure, ...] = field(default=(), repr=False)
    noted: int | None = None
    noted_ids: tuple[str, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """The one line that is logged."""
        return (
            f"update_index indexer={self.indexer} mode={self.mode} table={self.table} "
            f"updated={self.updated} skipped={self.skipped} missing={self.missing} "
            f"pruned={self.pruned} failed={self.failed}"
            f"{'' if self.noted is None else f' noted={self.noted}'}"
        )

    @property
    def sentence(self) -> str:
        """The same for people: ``velocity_events: 4 images new, 14 rows, 0.3 s``."""
        new = min(self.missing, self.updated)
        again = self.updated - new
        looked = None if self.noted is None else f"{counted(self.noted, 'image')} in the journal"
        parts = [
            looked,
            f"{counted(new, 'image')} new" if new else None,
            f"{counted(again, 'image')} made again" if again else None,
            f"{self.skipped:,} up to date" if self.skipped or not self.updated else None,
            f"{self.pruned:,} removed" if self.pruned else None,
            f"{self.failed:,} failed" if self.failed else None,
            counted(self.rows, "row"),
        ]
        return told(self.indexer, parts, self.seconds)

    def __getitem__(self, key: str) -> Any:
        if key not in self._names():
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    @classmethod
    def _names(cls) -> list[str]:
        return [each.name for each in fields(cls)]
