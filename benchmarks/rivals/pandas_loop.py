"""A loop over images, each replaced in the whole table: how earlier kymflow did it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import polars as pl

from benchmarks.rivals.artifacts import VERSION, events_path


class PandasLoop:
    """Load the table, filter one image out, put its rows in, save; one marker file per image.

    Its time grows with the square of the number of images.

    Args:
        home: Holds the table and the markers.
    """

    def __init__(self, home: Path) -> None:
        self._table = home / "events.parquet"
        self._markers = home / "markers"
        self._markers.mkdir(exist_ok=True)

    def update(self, dataset: Path, hashes: Mapping[str, str]) -> None:
        """Replace the rows of each stale image, one by one."""
        table = self._load()
        for image_id, params_hash in hashes.items():
            if self._is_fresh(table, image_id, params_hash):
                continue
            rows = pd.read_parquet(events_path(dataset, image_id)).assign(
                image_id=image_id, params_hash=params_hash, analysis_version=VERSION
            )
            self._replace(image_id, rows)
            self._mark(image_id, params_hash, len(rows))
        for marker in self._markers.iterdir():
            if marker.stem not in hashes:
                self._replace(marker.stem, pd.DataFrame())
                marker.unlink()

    def rows(self) -> pl.DataFrame:
        """Return the whole table."""
        return pl.read_parquet(self._table)

    def _is_fresh(self, table: pd.DataFrame, image_id: str, params_hash: str) -> bool:
        rows = table[table["image_id"] == image_id]
        if not rows.empty:
            right = (rows["params_hash"] == params_hash) & (rows["analysis_version"] == VERSION)
            return bool(right.all())
        marker = self._markers / f"{image_id}.json"
        if not marker.exists():
            return False
        run = json.loads(marker.read_text())
        return bool(run == self._run(params_hash, 0))

    def _replace(self, image_id: str, rows: pd.DataFrame) -> None:
        table = self._load()
        others = table[table["image_id"] != image_id]
        pieces = [frame for frame in (others, rows) if not frame.empty]
        whole = pd.concat(pieces, ignore_index=True) if pieces else rows
        whole.to_parquet(self._table, index=False)

    def _load(self) -> pd.DataFrame:
        if not self._table.exists():
            return pd.DataFrame({"image_id": [], "params_hash": [], "analysis_version": []})
        return pd.read_parquet(self._table)

    def _mark(self, image_id: str, params_hash: str, n_rows: int) -> None:
        marker = self._markers / f"{image_id}.json"
        marker.write_text(json.dumps(self._run(params_hash, n_rows)))

    @staticmethod
    def _run(params_hash: str, n_rows: int) -> dict[str, object]:
        return {"params_hash": params_hash, "analysis_version": VERSION, "n_rows": n_rows}
