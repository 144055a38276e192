"""Two updates of one image at once: the one that began later stands, whoever commits last.

What it surveyed and extracted is at least as new as what the other one saw.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr.store import parquet

if TYPE_CHECKING:
    from kymflow.core.kym_dataset.update.staging import Part, Staging
    from kymflow_zarr.tables.table_store import TableStore


class Race:
    """Tells which images others have committed since this run began.

    A record that was there before is never taken for a later one, whatever its clock said; clocks
    are compared only between updates that ran at the same time.

    Args:
        tables: The dataset's tables.
        ledger: The table's ledger, as it is before the survey.
    """

    def __init__(self, tables: TableStore, ledger: Ledger) -> None:
        self._tables = tables
        self._ledger = ledger
        self._state = tables.version(ledger.runs)
        self._before = ledger.load("image_id", "indexed_at")

    def drop_overtaken(self, parts: Sequence[Part], staging: Staging) -> list[Part]:
        """Return parts without the images that a later run has committed.

        Args:
            parts: Staged parts about to be committed; the caller holds the table's lock.
            staging: Where parts that lose images are written again.
        """
        if self._tables.version(self._ledger.runs) == self._state:
            return list(parts)
        now = self._ledger.load("image_id", "indexed_at")
        others = now.join(self._before, on=["image_id", "indexed_at"], how="anti")
        return [_less(part, others, staging) for part in parts]


def _less(part: Part, others: pl.DataFrame, staging: Staging) -> Part:
    runs = parquet.scan(part.runs).collect()
    later = runs.join(others, on="image_id", suffix="_others").filter(
        pl.col("indexed_at_others") > pl.col("indexed_at")
    )
    if later.is_empty():
        return part
    kept = staging.ledger_only_part()
    if part.rows.exists():
        rows = parquet.scan(part.rows).collect()
        left = rows.join(later, on="image_id", how="anti", maintain_order="left")
        parquet.write(left, kept.rows)
    own = runs.join(later, on="image_id", how="anti", maintain_order="left")
    kept.write_runs(own, part.read_params())
    return kept
