"""Plain Polars: joins decide and replace, one multi-file scan reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from benchmarks.rivals.artifacts import RUNS, read_events, surveyed


class PolarsFrames:
    """A Parquet file of rows and one of runs, both read and written whole.

    Args:
        home: Holds both.
    """

    def __init__(self, home: Path) -> None:
        self._table = home / "events.parquet"
        self._runs = home / "runs.parquet"

    def update(self, dataset: Path, hashes: Mapping[str, str]) -> None:
        """Replace the rows of all stale images at once."""
        now = surveyed(hashes)
        runs = pl.read_parquet(self._runs) if self._runs.exists() else RUNS.to_frame()
        stale = now.join(runs, on=RUNS.names(), how="anti")
        gone = runs.join(now, on="image_id", how="anti")
        if stale.is_empty() and gone.is_empty():
            return
        rows = read_events(dataset, stale["image_id"].to_list()).join(stale, on="image_id")
        if self._table.exists():
            replaced = pl.concat([stale, gone])
            kept = pl.read_parquet(self._table).join(replaced, on="image_id", how="anti")
            rows = pl.concat([kept, rows.select(kept.columns)])
        rows.write_parquet(self._table)
        now.write_parquet(self._runs)

    def rows(self) -> pl.DataFrame:
        """Return the whole table."""
        return pl.read_parquet(self._table)
