"""The inputs of a decision – a table, a ledger, a survey – for many images, to time it alone.

There are no images behind them: a decision opens none.
"""

from __future__ import annotations

import hashlib
import shutil
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import content
from benchmarks.work import TABLE
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import RUNS, SEEN
from kymflow.core.kym_dataset.update.survey import Survey
from kymflow_zarr import ZarrDataset
from kymflow_zarr.tables.types import Change, TableKey

ROWS = 5
VERSION = "bench@1"
SHARES = {"deleted": 0.001, "new": 0.001, "empty": 0.03, "changed": 0.01, "fresh": 0.958}
"""Images deleted, not yet in the table, without rows, with changed params."""


class Decision:
    """The inputs of one decision, in a folder.

    The table holds the engine's columns and two of the events'; a decision reads no others.

    Args:
        folder: Holds them once :meth:`make` was called.
        images: How many images.
    """

    version = VERSION

    def __init__(self, folder: Path, images: int) -> None:
        self.folder = folder
        self.images = images
        self._current = folder / f"{images}.current.parquet"

    @classmethod
    def open(cls, folder: Path) -> Decision:
        """Open what was made in a folder."""
        [current] = folder.glob("*.current.parquet")
        return cls(folder, int(current.name.split(".")[0]))

    @cached_property
    def dataset(self) -> ZarrDataset:
        """The dataset whose table it is."""
        return ZarrDataset(self.folder / "lab.zarr", mode="a")

    @property
    def table(self) -> Path:
        """The table's file."""
        return self.dataset.tables.path(TABLE)

    @property
    def ledger(self) -> Ledger:
        """The table's ledger."""
        return Ledger(self.dataset, TABLE)

    def survey(self) -> Survey:
        """Return the survey: the images, and the params hash of each."""
        current = pl.read_parquet(self._current).with_columns(rows_changed=pl.lit(value=False))
        nothing = pl.DataFrame(schema=SEEN)
        return Survey(
            current,
            seen=nothing,
            refreshed=nothing.select("image_id"),
            baseline=False,
            files=None,
            errors={},
            absent=(),
            whole=True,
        )

    def make(self) -> None:
        """Write all of it, unless it exists; table and ledger as the engine writes them."""
        if self._current.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        images = _images(self.images)
        indexed = images.filter(pl.col("state") != "new")
        none = pl.DataFrame(schema={"image_id": pl.String})
        rows, runs = self.dataset.path / "rows.parquet", self.dataset.path / "runs.parquet"
        _rows(indexed).write_parquet(rows)
        filled = pl.when(pl.col("state") == "empty").then(0).otherwise(ROWS)
        runs_of(indexed, filled).write_parquet(runs)
        change = Change(TableKey(TABLE), "image_id", none, [rows], none)
        self.dataset.tables.commit([change, self.ledger.recording([runs], none)])
        rows.unlink()
        runs.unlink()
        _current(images).write_parquet(self._current)


def _images(count: int) -> pl.DataFrame:
    """Return (image_id, params_hash, state), in the order of the ids."""
    rng = np.random.default_rng(content.SEED)
    hashes = [hashlib.sha256(bytes([variant])).hexdigest() for variant in range(8)]
    return pl.DataFrame(
        {
            "image_id": sorted(content.image_ids(count)),
            "params_hash": rng.choice(hashes, count),
            "state": rng.choice(list(SHARES), count, p=list(SHARES.values())),
        }
    )


def _rows(indexed: pl.DataFrame) -> pl.DataFrame:
    filled = indexed.filter(pl.col("state") != "empty")
    repeated = filled.select(
        pl.col("image_id", "params_hash").repeat_by(ROWS).explode(),
        analysis_version=pl.lit(VERSION),
    )
    times = np.random.default_rng(content.SEED).uniform(0, 35, repeated.height)
    return repeated.with_columns(roi_id=pl.lit(1, pl.Int32), t_start_s=pl.Series(times))


def runs_of(images: pl.DataFrame, n_rows: pl.Expr) -> pl.DataFrame:
    """Make the ledger of successful runs.

    Args:
        images: Frame with the columns image_id and params_hash.
        n_rows: How many rows each has.
    """
    return images.select(
        "image_id",
        "params_hash",
        analysis_version=pl.lit(VERSION),
        status=pl.lit("ok"),
        n_rows=n_rows,
        error=pl.lit(None, pl.String),
        code=pl.lit(None, pl.String),
        indexed_at=pl.lit(content.FIRST_DAY),
        code_hash=pl.lit(None, pl.String),
    ).cast(RUNS)


def _current(images: pl.DataFrame) -> pl.DataFrame:
    other = pl.lit(hashlib.sha256(b"other").hexdigest())
    changed = pl.when(pl.col("state") == "changed").then(other).otherwise("params_hash")
    return images.filter(pl.col("state") != "deleted").select("image_id", params_hash=changed)
