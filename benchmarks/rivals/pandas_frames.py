"""pandas without a loop over the table: one merge decides, one concat replaces."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import polars as pl

from benchmarks.rivals.artifacts import VERSION, events_path

STORED = ["image_id", "params_hash", "analysis_version"]


class PandasFrames:
    """A Parquet file of rows and one of runs, both read and written whole.

    Args:
        home: Holds both.
    """

    def __init__(self, home: Path) -> None:
        self._table = home / "events.parquet"
        self._runs = home / "runs.parquet"

    def update(self, dataset: Path, hashes: Mapping[str, str]) -> None:
        """Replace the rows of all stale images at once."""
        now = pd.DataFrame({"image_id": list(hashes), "params_hash": list(hashes.values())})
        now["analysis_version"] = VERSION
        runs = self._load(self._runs)
        merged = now.merge(runs, on=STORED, how="outer", indicator=True)
        stale = now[now["image_id"].isin(merged.loc[merged["_merge"] == "left_only", "image_id"])]
        gone = runs.loc[~runs["image_id"].isin(now["image_id"]), "image_id"]
        if stale.empty and gone.empty:
            return
        new = [
            pd.read_parquet(events_path(dataset, image_id)).assign(
                image_id=image_id, params_hash=params_hash, analysis_version=VERSION
            )
            for image_id, params_hash in zip(stale["image_id"], stale["params_hash"], strict=True)
        ]
        table = self._load(self._table)
        replaced = table["image_id"].isin(stale["image_id"]) | table["image_id"].isin(gone)
        pieces = [frame for frame in (table[~replaced], *new) if not frame.empty]
        whole = pd.concat(pieces, ignore_index=True) if pieces else table[~replaced]
        whole.to_parquet(self._table, index=False)
        now.to_parquet(self._runs, index=False)

    def rows(self) -> pl.DataFrame:
        """Return the whole table."""
        return pl.read_parquet(self._table)

    @staticmethod
    def _load(path: Path) -> pd.DataFrame:
        if path.exists():
            return pd.read_parquet(path)
        return pd.DataFrame({name: pd.Series(dtype="str") for name in STORED})
