"""Two updates of one image at once: the one that began later stands, whoever commits last.

What it surveyed and extracted is at least as new as what the other one saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.ledger import DECISIVE, Ledger
from kymflow.core.kym_dataset.update.staging import Made
from kymflow_zarr.store import parquet

if TYPE_CHECKING:
    from kymflow.core.kym_dataset.update.staging import Staging
    from kymflow_zarr.tables.table_store import TableStore


class Race:
    """Tells which images others have committed since this run began.

    A record that was there before is never taken for a later one, whatever its clock said; clocks
    are compared only between updates that ran at the same time.

    Args:
        tables: The dataset's tables.
        ledger: The table's ledger, as it is before the survey.
        of: The images that the run is about; all if None.

    Attributes:
        before: The last run of each image when this run began: what it decides by.
    """

    def __init__(self, tables: TableStore, ledger: Ledger, of: Sequence[str] | None = None) -> None:
        self._tables = tables
        self._ledger = ledger
        self._of = of
        self._version = tables.version(ledger.runs)
        self.before = ledger.load(*DECISIVE, of=of)

    def drop_overtaken(self, made: Sequence[Made], staging: Staging) -> list[Made]:
        """Drop the images that a later run has committed.

        Args:
            made: What is about to be committed; the caller holds the table's lock.
            staging: Where parts that lose images are written again.
        """
        others = self.others()
        if others.is_empty():
            return list(made)
        return [_without_later(one, others, staging) for one in made]

    def others(self) -> pl.DataFrame:
        """Find the runs that others have recorded since: frame (image_id, indexed_at)."""
        if self._tables.version(self._ledger.runs) == self._version:
            return self.before.select("image_id", "indexed_at").clear()
        now = self._ledger.load("image_id", "indexed_at", of=self._of)
        return now.join(self.before, on=["image_id", "indexed_at"], nulls_equal=True, how="anti")


def _without_later(made: Made, others: pl.DataFrame, staging: Staging) -> Made:
    later = made.runs.join(others, on="image_id", suffix="_others").filter(
        pl.col("indexed_at_others") > pl.col("indexed_at")
    )
    if later.is_empty():
        return made
    own = made.runs.join(later, on="image_id", how="anti", maintain_order="left")
    if made.rows is None:
        return Made(own, made.params)
    rows = parquet.scan(made.rows).collect()
    left = rows.join(later, on="image_id", how="anti", maintain_order="left")
    return staging.next_part().write(left, own, made.params)
