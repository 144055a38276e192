"""The ledger: the last run of every image, and the params behind every hash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from kymflow_sql import statement
from kymflow_zarr.errors import TableUnreadableError
from kymflow_zarr.files import atomic_path, read_unchanged
from kymflow_zarr.merge import replace_rows

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)

RUNS_SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "params_hash": pl.String(),
        "analysis_version": pl.String(),
        "status": pl.String(),
        "n_rows": pl.Int64(),
        "error": pl.String(),
        "indexed_at": pl.Datetime("us", "UTC"),
        "code_hash": pl.String(),
    }
)
PARAMS_SCHEMA = pl.Schema({"params_hash": pl.String(), "params": pl.String()})


class Ledger:
    """The ledger of one table: ``index/<table>.runs.parquet`` and ``.params.parquet``.

    It is derived state. An unreadable ledger is treated as none: images with rows are still
    judged right from their rows, and images without are computed once more.

    Args:
        dataset: The dataset.
        table: The table's name.
    """

    def __init__(self, dataset: ZarrDataset, table: str) -> None:
        self.runs_path = dataset.path / "index" / f"{table}.runs.parquet"
        self.params_path = dataset.path / "index" / f"{table}.params.parquet"

    def load(self) -> pl.DataFrame:
        """Return the last run of every image.

        Returns:
            Frame (image_id, params_hash, analysis_version, status ``ok``/``failed``, n_rows,
            error, indexed_at UTC, code_hash), one row an image; empty where nothing was run.
        """
        return _load(self.runs_path, RUNS_SCHEMA)

    def load_params(self) -> pl.DataFrame:
        """Return the canonical params JSON of every hash ever used.

        Returns:
            Frame (params_hash, params), one row a distinct params.
        """
        return _load(self.params_path, PARAMS_SCHEMA)

    def record(self, runs: Sequence[Path], replaced: pl.DataFrame) -> None:
        """Replace the runs of some images.

        Args:
            runs: Parquet files with the new runs.
            replaced: Frame whose column ``image_id`` lists the images whose old runs go.
        """
        rewrite = partial(
            replace_rows,
            self.runs_path,
            key="image_id",
            replaced=replaced,
            parts=runs,
            empty=pl.DataFrame(schema=RUNS_SCHEMA),
        )
        try:
            rewrite()
        except TableUnreadableError:
            self.runs_path.unlink()
            rewrite()

    def remember_params(self, params: Sequence[Path]) -> None:
        """Add the params behind new hashes.

        Args:
            params: Parquet files (params_hash, params).
        """
        known = self.load_params()
        staged = [pl.read_parquet(path) for path in params]
        merged = pl.concat([known, *staged]).unique("params_hash", maintain_order=True)
        if merged.height > known.height:
            with atomic_path(self.params_path) as temporary:
                merged.write_parquet(temporary, compression="zstd")

    def runs_by_other_code(self, analysis_version: str, code_hash: str | None) -> int:
        """Count the images last run at this version by code other than today's."""
        if code_hash is None:
            return 0
        with duckdb.connect() as con:
            con.register("ledger", self.load())
            row = con.execute(
                statement("engine/code_changed"),
                {"analysis_version": analysis_version, "code_hash": code_hash},
            ).fetchone()
        return int(row[0]) if row else 0


def _load(path: Path, schema: pl.Schema) -> pl.DataFrame:
    """Return a ledger file in today's schema; columns that an older writer lacked are null."""
    if not path.exists():
        return pl.DataFrame(schema=schema)
    try:
        frame = read_unchanged([path], lambda: pl.read_parquet(path))
        return frame.select(
            pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype).alias(name)
            for name, dtype in schema.items()
        )
    except (pl.exceptions.PolarsError, OSError) as error:
        log.warning("ledger file %s can't be read and is left out: %s", path, error)
        return pl.DataFrame(schema=schema)
