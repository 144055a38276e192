"""The ledger: the last run of every image, and the params behind every hash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from kymflow.core.kym_dataset.schemas import PARAMS, RUNS
from kymflow_zarr.duck import view_columns
from kymflow_zarr.errors import ReadError, TableNotFoundError, TableUnreadableError
from kymflow_zarr.reasons import first_line, refused
from kymflow_zarr.store import parquet
from kymflow_zarr.tables.types import Change, TableKey

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.tables.types import Reader

log = logging.getLogger(__name__)

_DECIDING = {
    "image_id": "VARCHAR",
    "params_hash": "VARCHAR",
    "analysis_version": "VARCHAR",
    "status": "VARCHAR",
    "n_rows": "BIGINT",
}


class Ledger:
    """The ledger of one table, kept beside it: its ``runs`` and its ``params``.

    It is derived state. A damaged ledger is treated as none: images with rows are still
    judged right from their rows, and images without are computed once more. Who writes to it holds
    the table's lock.

    Args:
        dataset: The dataset.
        table: The table's name.

    Attributes:
        runs: Where the last run of every image is kept.
        params: Where the params behind every hash are kept.
    """

    def __init__(self, dataset: ZarrDataset, table: str) -> None:
        self._tables = dataset.tables
        self.runs = TableKey(table, "runs")
        self.params = TableKey(table, "params")

    def load(self, *columns: str) -> pl.DataFrame:
        """Return the last run of every image.

        Args:
            columns: Only these; all if none is named.

        Returns:
            Frame (image_id, params_hash, analysis_version, status ``ok``/``failed``/
            ``outdated``, n_rows, error, indexed_at UTC, code_hash), one row an image; empty where
            nothing was run.
        """
        return self._load(self.runs, pl.Schema({name: RUNS[name] for name in columns or RUNS}))

    def load_params(self) -> pl.DataFrame:
        """Return the canonical params JSON of every hash ever used.

        Returns:
            Frame (params_hash, params), one row a distinct params.
        """
        return self._load(self.params, PARAMS)

    def recording(self, runs: Sequence[Path], replaced: pl.DataFrame) -> Change:
        """Return the change that replaces the runs of some images.

        Args:
            runs: Parquet files with the new runs.
            replaced: Frame whose column ``image_id`` lists the images whose old runs go.
        """
        gone = replaced.select("image_id")
        return Change(self.runs, "image_id", gone, runs, pl.DataFrame(schema=RUNS))

    def remembering(self, params: Sequence[Path], scratch: Path) -> list[Change]:
        """Return the change that adds the params behind hashes that are not known yet, if any.

        Args:
            params: Parquet files (params_hash, params).
            scratch: A file to write the new ones to.
        """
        if not params:
            return []
        known = self._load(self.params, pl.Schema({"params_hash": pl.String()}))
        staged = parquet.scan_many(params).unique("params_hash", maintain_order=True)
        new = staged.collect().join(known, on="params_hash", how="anti", maintain_order="left")
        if new.is_empty():
            return []
        parquet.write(new, scratch)
        none = new.select("params_hash").clear()
        return [Change(self.params, "params_hash", none, [scratch], pl.DataFrame(schema=PARAMS))]

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

    def view(self, reader: Reader) -> None:
        """Make the view ``ledger`` of the columns that decide; empty where nothing was run."""
        try:
            runs = reader.relation(self.runs)
            if runs is not None:
                view_columns(runs, "ledger", _DECIDING)
                return
        except duckdb.Error as error:
            self._check_damaged(self.runs, error)
        nothing = pl.DataFrame(schema={name: RUNS[name] for name in _DECIDING})
        reader.con.register("ledger", nothing)

    def is_damaged(self) -> bool:
        """Tell whether the record of runs is there and can't be read."""
        try:
            self._read(self.runs, RUNS)
        except TableNotFoundError:
            return False
        except _unreadable() as error:
            self._check_damaged(self.runs, error)
            return True
        return False

    def _load(self, key: TableKey, schema: pl.Schema) -> pl.DataFrame:
        """Return what is kept in today's schema; empty where it can't be read."""
        try:
            return self._read(key, schema)
        except TableNotFoundError:
            pass
        except _unreadable() as error:
            self._check_damaged(key, error)
        return pl.DataFrame(schema=schema)

    def _read(self, key: TableKey, schema: pl.Schema) -> pl.DataFrame:
        """Return what is kept in today's schema; columns that an older writer lacked are null."""
        rows = self._tables.scan(key)
        held = rows.collect_schema()
        columns = [
            pl.col(name).cast(dtype) if name in held else pl.lit(None, dtype).alias(name)
            for name, dtype in schema.items()
        ]
        return rows.select(columns).collect()

    def _check_damaged(self, key: TableKey, error: BaseException) -> None:
        """Let damage pass, with a warning: what is kept here can be made again.

        Raises:
            ReadError: If it may well be whole, and the system refuses to read it.
        """
        if isinstance(error, ReadError):
            raise error
        if refused(error):
            raise parquet.unreadable(self._tables.backend.location(key), error) from error
        why = first_line(error)
        log.warning(
            "the %s of table %s can't be read and are left out: %s", key.sidecar, key.name, why
        )


def _unreadable() -> tuple[type[BaseException], ...]:
    return (TableUnreadableError, *parquet.read_errors())
