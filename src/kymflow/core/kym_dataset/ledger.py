"""The ledger: the last run of every image, and the params behind every hash."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.schemas import PARAMS, RUNS, SEEN, in_schema
from kymflow_zarr.duck import literal
from kymflow_zarr.errors import ReadError, TableNotFoundError, TableUnreadableError
from kymflow_zarr.reasons import first_line, refused
from kymflow_zarr.store import parquet
from kymflow_zarr.tables.types import Change, TableKey

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.tables.types import Reader

log = logging.getLogger(__name__)

DECISIVE = tuple(name for name in RUNS if name != "error")
"""The columns of a run that an update goes by; messages are for people."""
_LOOKED_UP = 1_000  # the most entries to look up one by one: 10 ms of 70 for 100,000 images


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
        seen: Where it is kept what each image's rows were made of.
    """

    def __init__(self, dataset: ZarrDataset, table: str) -> None:
        self._tables = dataset.tables
        self.runs = TableKey(table, "runs")
        self.params = TableKey(table, "params")
        self.seen = TableKey(table, "seen")

    def load(self, *columns: str, of: Sequence[str] | None = None) -> pl.DataFrame:
        """Return the last run of every image.

        Args:
            columns: Only these; all if none is named.
            of: Only of these images; of all if None.

        Returns:
            Frame (image_id, params_hash, analysis_version, status ``ok``/``failed``,
            n_rows, error, code of the error, indexed_at UTC, code_hash), one row per
            image; empty where nothing was run.
        """
        schema = pl.Schema({name: RUNS[name] for name in columns or RUNS})
        return self._load(self.runs, schema, of)

    def load_params(self) -> pl.DataFrame:
        """Return the canonical params JSON of every hash ever used.

        Returns:
            Frame (params_hash, params), one row a distinct params.
        """
        return self._load(self.params, PARAMS)

    def is_for_table(self, sidecar: TableKey) -> bool:
        """Tell whether a part of the ledger was written for the table as it is now."""
        return self._tables.read(
            [TableKey(sidecar.name), sidecar], lambda r: r.is_for_table(sidecar)
        )

    def load_seen(self, of: Sequence[str] | None = None) -> pl.DataFrame | None:
        """Load what each image's rows were made of; None where that was never kept.

        Args:
            of: Only of these images; of all if None.

        Returns:
            Frame in the schema ``SEEN``, one row per image; empty where it was lost.
        """
        if self._tables.exists(self.seen):
            return self._load(self.seen, SEEN, of)
        return None if self._is_of_earlier_release() else pl.DataFrame(schema=SEEN)

    def _is_of_earlier_release(self) -> bool:
        """Tell whether the table is one of a release that did not keep what rows were made of."""
        if not self._tables.exists(self.runs.name):
            return True  # or of none
        if not self._tables.exists(self.runs):
            return False
        keys = [TableKey(self.runs.name), self.runs]
        return not self._tables.read(keys, lambda reader: reader.names_table(self.runs))

    def seeing(self, seen: pl.DataFrame, replaced: pl.DataFrame) -> Change:
        """Make the change that replaces what some images' rows were made of.

        Args:
            seen: Frame in the schema ``SEEN``.
            replaced: Frame whose column ``image_id`` lists the images whose old entries go.
        """
        gone = replaced.select("image_id")
        return Change(self.seen, "image_id", gone, seen, pl.DataFrame(schema=SEEN))

    def recording(self, runs: Sequence[Path] | pl.DataFrame, replaced: pl.DataFrame) -> Change:
        """Return the change that replaces the runs of some images.

        Args:
            runs: The new runs, or Parquet files that hold them.
            replaced: Frame whose column ``image_id`` lists the images whose old runs are removed.
        """
        gone = replaced.select("image_id")
        return Change(self.runs, "image_id", gone, runs, pl.DataFrame(schema=RUNS))

    def remembering(self, params: pl.DataFrame) -> list[Change]:
        """Return the change that adds the params behind hashes that are not known yet, if any.

        Args:
            params: Frame (params_hash, params).
        """
        if params.is_empty():
            return []
        known = self._load(self.params, pl.Schema({"params_hash": pl.String()}))
        staged = params.unique("params_hash", maintain_order=True)
        new = staged.join(known, on="params_hash", how="anti", maintain_order="left")
        if new.is_empty():
            return []
        none = new.select("params_hash").clear()
        return [Change(self.params, "params_hash", none, new, pl.DataFrame(schema=PARAMS))]

    def _load(
        self, key: TableKey, schema: pl.Schema, of: Sequence[str] | None = None
    ) -> pl.DataFrame:
        """Load the ledger in today's schema; empty where it can't be read."""
        try:
            return self._read(key, schema, of)
        except TableNotFoundError:
            pass
        except _unreadable() as error:
            self._check_damaged(key, error)
        return pl.DataFrame(schema=schema)

    def _read(self, key: TableKey, schema: pl.Schema, of: Sequence[str] | None) -> pl.DataFrame:
        """Load the ledger in today's schema; columns that an older writer lacked are null."""
        if of is not None and len(of) <= _LOOKED_UP:
            found = self._tables.read([key], partial(_entries, key=key, of=of))
            return in_schema(found.lazy(), schema).collect()
        rows = in_schema(self._tables.scan(key), schema)
        if of is not None:
            rows = rows.filter(pl.col("image_id").is_in(pl.Series(of, dtype=pl.String).implode()))
        return rows.collect()

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


def _entries(reader: Reader, key: TableKey, of: Sequence[str]) -> pl.DataFrame:
    """Look up the entries of a few images: DuckDB reads the row groups that may hold them."""
    rows = reader.relation(key)
    if rows is None or not of:
        return pl.DataFrame(schema={"image_id": pl.String})
    return rows.filter(f"image_id IN ({', '.join(map(literal, of))})").pl()


def _unreadable() -> tuple[type[BaseException], ...]:
    return (TableUnreadableError, *parquet.read_errors())
