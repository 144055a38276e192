"""The ledger: the last run of every image, and the params behind every hash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from kymflow.core.kym_dataset.schemas import PARAMS, RUNS
from kymflow_zarr import parquet
from kymflow_zarr.duck import view_parquet
from kymflow_zarr.errors import TableSchemaError, TableUnreadableError, escaped, first_line
from kymflow_zarr.merge import replace_rows

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)

_DECIDING = {
    "image_id": "VARCHAR",
    "params_hash": "VARCHAR",
    "analysis_version": "VARCHAR",
    "status": "VARCHAR",
    "n_rows": "BIGINT",
}


class Ledger:
    """The ledger of one table: ``index/<table>.runs.parquet`` and ``.params.parquet``.

    It is derived state. An unreadable ledger is treated as none: images with rows are still
    judged right from their rows, and images without are computed once more. Who writes to it holds
    the table's lock.

    Args:
        dataset: The dataset.
        table: The table's name.
    """

    def __init__(self, dataset: ZarrDataset, table: str) -> None:
        self.runs_path = dataset.path / "index" / f"{table}.runs.parquet"
        self.params_path = dataset.path / "index" / f"{table}.params.parquet"

    def load(self, *columns: str) -> pl.DataFrame:
        """Return the last run of every image.

        Args:
            columns: Only these; all if none is named.

        Returns:
            Frame (image_id, params_hash, analysis_version, status ``ok``/``failed``/
            ``outdated``, n_rows, error, indexed_at UTC, code_hash), one row an image; empty where
            nothing was run.
        """
        return _load(self.runs_path, pl.Schema({name: RUNS[name] for name in columns or RUNS}))

    def load_params(self) -> pl.DataFrame:
        """Return the canonical params JSON of every hash ever used.

        Returns:
            Frame (params_hash, params), one row a distinct params.
        """
        return _load(self.params_path, PARAMS)

    def record(self, runs: Sequence[Path], replaced: pl.DataFrame) -> None:
        """Replace the runs of some images.

        Args:
            runs: Parquet files with the new runs.
            replaced: Frame whose column ``image_id`` lists the images whose old runs go.
        """
        _rewrite(self.runs_path, "image_id", replaced, runs, RUNS)

    def remember_params(self, params: Sequence[Path], scratch: Path) -> None:
        """Add the params behind hashes that are not known yet.

        Args:
            params: Parquet files (params_hash, params).
            scratch: A file to write on the way.
        """
        if not params:
            return
        known = _load(self.params_path, pl.Schema({"params_hash": pl.String()}))
        staged = parquet.scan_many(params).unique("params_hash", maintain_order=True)
        new = staged.collect().join(known, on="params_hash", how="anti", maintain_order="left")
        if not new.is_empty():
            parquet.write(new, scratch)
            _rewrite(self.params_path, "params_hash", new, [scratch], PARAMS)

    def runs_by_other_code(self, analysis_version: str, code_hash: str | None) -> int:
        """Count the images last run at this version by code other than today's."""
        if code_hash is None:
            return 0
        runs = self.load("status", "analysis_version", "code_hash")
        return runs.filter(
            pl.col("status") == "ok",
            pl.col("analysis_version") == analysis_version,
            pl.col("code_hash") != code_hash,
        ).height

    def view(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make the view ``ledger`` of the columns that decide; empty where nothing was run."""
        if self.runs_path.exists():
            try:
                view_parquet(con, "ledger", self.runs_path, _DECIDING)
                return
            except duckdb.Error as error:
                _warn_of_damage(self.runs_path, error)
        con.register("ledger", pl.DataFrame(schema={name: RUNS[name] for name in _DECIDING}))

    def is_damaged(self) -> bool:
        """Tell whether the record of runs is there and can't be read."""
        try:
            _read(self.runs_path, RUNS)
        except FileNotFoundError:
            return False
        except parquet.read_errors():
            return True
        return False


def _rewrite(
    path: Path, key: str, replaced: pl.DataFrame, parts: Sequence[Path], schema: pl.Schema
) -> None:
    """Replace rows of a ledger file; one that can't be read is made anew."""
    rewrite = partial(
        replace_rows,
        path,
        key=key,
        replaced=replaced.select(key),
        parts=parts,
        empty=pl.DataFrame(schema=schema),
    )
    try:
        rewrite()
    except (TableUnreadableError, TableSchemaError):
        path.unlink()
        rewrite()


def _load(path: Path, schema: pl.Schema) -> pl.DataFrame:
    """Return a ledger file in today's schema; empty where it can't be read."""
    try:
        return _read(path, schema)
    except FileNotFoundError:
        return pl.DataFrame(schema=schema)
    except parquet.read_errors() as error:
        _warn_of_damage(path, error)
        return pl.DataFrame(schema=schema)


def _read(path: Path, schema: pl.Schema) -> pl.DataFrame:
    """Return a ledger file in today's schema; columns that an older writer lacked are null."""
    file = parquet.scan(path)
    held = file.collect_schema()
    columns = [
        pl.col(name).cast(dtype) if name in held else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    ]
    return file.select(columns).collect()


def _warn_of_damage(path: Path, error: BaseException) -> None:
    shown = escaped(str(path))
    log.warning("ledger file %s can't be read and is left out: %s", shown, first_line(error))
