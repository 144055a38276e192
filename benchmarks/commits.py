"""A large table and its ledger, in one file and in a lake, and changes to commit to them.

There are no images behind them: a commit opens none.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks import content, late_imports  # noqa: F401
from benchmarks.decision import VERSION, runs_of
from benchmarks.work import TABLE, Unavailable, Work, sql
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow_zarr import MissingExtraError, ZarrDataset
from kymflow_zarr.tables.types import Change, TableKey

ONE_FILE, LAKE = "parquet", "ducklake"
SHARE = {"percent": 0.01, "one": 0.0}
"""Share of the images that a change concerns; at least one image."""
CHANGES = 3
"""Staged changes of each kind; no two concern the same image."""
POOL = 1_000_000
"""Distinct rows, apart from their image and event ids; repeats are too far apart to be
compressed together."""


def in_lake(place: Path, kind: str) -> Work:
    """Commit a change to the table in a lake."""
    return _commit(place, LAKE, kind)


def in_one_file(place: Path, kind: str) -> Work:
    """Commit it to the table that is one Parquet file."""
    return _commit(place, ONE_FILE, kind)


def _commit(place: Path, home: str, kind: str) -> Work:
    folder = place / "now" / home
    if not folder.exists():
        raise Unavailable("DuckDB's extension ducklake is missing: install kymflow[ducklake]")
    dataset = ZarrDataset(folder, mode="a")
    staged = place / "made" / "staged" / kind
    changes = iter([_change(dataset, staged / str(number)) for number in range(CHANGES)])

    def answer(_: object) -> str:
        return str(KymDataset(dataset).sql(sql("digest_commit")).row(0))

    return Work(lambda: dataset.tables.commit(next(changes), "update"), answer)


def _change(dataset: ZarrDataset, staged: Path) -> list[Change]:
    """Return the changes that the engine would commit for updated images."""
    rows, runs = sorted(staged.glob("*.rows.parquet")), sorted(staged.glob("*.runs.parquet"))
    replaced = pl.scan_parquet(runs).select("image_id").collect()
    change = Change(TableKey(TABLE), "image_id", replaced, rows, pl.DataFrame(schema=PROVENANCE))
    return [change, Ledger(dataset, TABLE).recording(runs, replaced)]


class Commits:
    """Tables to commit to, and staged changes, in a folder.

    Args:
        folder: Holds them once :meth:`make` was called.
        images: How many images.
        rows: How many rows each has.
    """

    def __init__(self, folder: Path, images: int, rows: int) -> None:
        self.folder = folder
        self.images = images
        self.rows = rows
        self._made = folder / "made"

    def make(self) -> None:
        """Write all of it, unless it exists; the lake only if DuckDB has the extension."""
        if self._made.exists():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        making = self.folder / "making"
        ids = content.image_ids(self.images)
        pool = content.events(min(self.images * self.rows, POOL), np.random.default_rng(0))
        self._stage(making / "whole", sorted(ids), pool, "before")
        self._stage_changes(making / "staged", ids, pool)
        table = ZarrDataset(making / ONE_FILE, mode="a")
        table.tables.commit(_change(table, making / "whole"))
        shutil.rmtree(making / "whole")
        _link(making / ONE_FILE, making / LAKE)
        try:
            ZarrDataset(making / LAKE, mode="a").tables.convert("ducklake")
        except MissingExtraError:
            shutil.rmtree(making / LAKE)
        making.rename(self._made)

    def restore(self) -> None:
        """Restore the tables that phases change to their first state."""
        now = self.folder / "now"
        shutil.rmtree(now, ignore_errors=True)
        for home in (ONE_FILE, LAKE):
            if (self._made / home).exists():
                _link(self._made / home, now / home)

    def _stage_changes(self, staged: Path, ids: list[str], pool: pl.DataFrame) -> None:
        for kind, share in SHARE.items():
            count = math.ceil(share * self.images) or 1
            for number in range(CHANGES):
                concerned = sorted(ids[number * count : (number + 1) * count])
                self._stage(staged / kind / str(number), concerned, pool, "after")

    def _stage(self, folder: Path, ids: list[str], pool: pl.DataFrame, params: str) -> None:
        """Write the rows and runs of some images, as the engine stages them."""
        folder.mkdir(parents=True)
        params_hash = hashlib.sha256(params.encode()).hexdigest()
        all_images = pl.DataFrame({"image_id": ids}).with_columns(params_hash=pl.lit(params_hash))
        slices = all_images.iter_slices(pool.height // self.rows)
        for number, images in enumerate(slices):
            rows = images.select(pl.all().repeat_by(self.rows).explode()).with_columns(
                analysis_version=pl.lit(VERSION),
                event_id=(pl.int_range(pl.len()) % self.rows).cast(pl.String),
            )
            events = pool.head(rows.height).drop("event_id")
            whole = pl.concat([rows, events], how="horizontal")
            whole.write_parquet(folder / f"{number}.rows.parquet")
            runs = runs_of(images, pl.lit(self.rows))
            runs.write_parquet(folder / f"{number}.runs.parquet")


def _link(source: Path, target: Path) -> None:
    """Copy a dataset at no cost: its tables' files are replaced, never written into."""
    shutil.copytree(source, target, copy_function=os.link)
