"""Delta Lake: the stale images' rows are deleted and appended in one commit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
from deltalake import DeltaTable, write_deltalake

from benchmarks.rivals.artifacts import RUNS, read_events, surveyed


class DeltaLake:
    """A Delta table of rows and one of runs; files without a replaced row are not touched.

    Small files are never compacted, as one would do from time to time.

    Args:
        home: Holds both.
    """

    def __init__(self, home: Path) -> None:
        self._table = str(home / "events")
        self._runs = str(home / "runs")

    def update(self, dataset: Path, hashes: Mapping[str, str]) -> None:
        """Replace the rows of all stale images by one overwrite with a predicate."""
        now = surveyed(hashes)
        runs = self._load_runs()
        stale = now.join(runs, on=RUNS.names(), how="anti")
        gone = runs.join(now, on="image_id", how="anti")
        if stale.is_empty() and gone.is_empty():
            return
        rows = read_events(dataset, stale["image_id"].to_list()).join(stale, on="image_id")
        for path, frame in ((self._table, rows), (self._runs, stale)):
            _replace(path, frame, [*stale["image_id"], *gone["image_id"]])

    def rows(self) -> pl.DataFrame:
        """Return the whole table."""
        return pl.read_delta(self._table)

    def _load_runs(self) -> pl.DataFrame:
        if DeltaTable.is_deltatable(self._runs):
            return pl.read_delta(self._runs)
        return RUNS.to_frame()


def _replace(path: str, frame: pl.DataFrame, image_ids: Iterable[str]) -> None:
    if not DeltaTable.is_deltatable(path):
        write_deltalake(path, frame)
        return
    listed = ", ".join(f"'{image_id}'" for image_id in image_ids)
    write_deltalake(path, frame, mode="overwrite", predicate=f"image_id IN ({listed})")
