"""Images that are fresh by the ledger alone, told apart at the cost of comparing numbers.

Of a million images most are as their last run left them. They are found by a hash of id and params
and then compared, and only the rest is put to the statement that knows every reason: 0.4 s of
processor time instead of 2.0, and half the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kymflow.core.kym_dataset.indexers.base import NEVER_ANALYSED
from kymflow_sql import statement
from kymflow_zarr.duck import register

if TYPE_CHECKING:
    import duckdb

_BOTH = ("image_id", "params_hash")
_STRETCH = 50_000


def settle(
    con: duckdb.DuckDBPyConnection,
    current: pl.DataFrame,
    runs: pl.DataFrame,
    analysis_version: str,
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Decide about the images that are fresh, where the ledger speaks of the table as it is.

    Args:
        con: A connection.
        current: Frame (image_id, params_hash, rows_changed), one row per image of the survey.
        runs: The ledger of those images: frame (image_id, params_hash, analysis_version, status,
            n_rows).
        analysis_version: The indexer's version now.

    Returns:
        The decision, as ``engine/staleness.sql`` makes it, with the params hash; and what is left
        to decide of ``current`` and of ``runs``.
    """
    went_well = (
        (pl.col("status") == "ok")
        & (pl.col("n_rows") >= 0)
        & (pl.col("analysis_version") == analysis_version)
    )
    # Signed: DuckDB filters frames by PyArrow, which knows no larger numbers.
    key = (pl.col("image_id").hash(1) ^ pl.col("params_hash").hash(2)).reinterpret(signed=True)
    wanted = current.lazy().select("rows_changed", *_BOTH, key=key).with_row_index("place")
    wanted = wanted.filter(~pl.col("rows_changed") & pl.col("params_hash").is_not_null())
    known = runs.lazy().with_row_index("run").filter(went_well)
    places = wanted.select("place", "key").collect()
    pairs = _pairs(con, places, known.select("run", key=key).collect())
    is_settled, run_of = np.zeros(current.height, bool), np.zeros(current.height, np.uint32)
    is_recorded = np.zeros(runs.height, bool)
    is_settled[pairs["place"]] = True
    run_of[pairs["place"]] = pairs["run"]
    is_recorded[pairs["run"]] = True
    images = current.filter(pl.Series(is_settled)).select(_BOTH)
    own_runs = run_of[is_settled]
    one_to_one = is_settled.sum() == is_recorded.sum() == pairs.height
    if not one_to_one or not _are_alike(images, runs.select(_BOTH), own_runs):
        # Two of a hash, or an image twice in the ledger: that is for the whole statement.
        return _decided(images.clear(), runs["n_rows"].clear()), current, runs
    return (
        _decided(images, runs["n_rows"][own_runs]),
        current.filter(pl.Series(~is_settled)),
        runs.filter(pl.Series(~is_recorded)),
    )


def _pairs(
    con: duckdb.DuckDBPyConnection, places: pl.DataFrame, runs: pl.DataFrame
) -> pl.DataFrame:
    """Pair images and runs of the same key: frame (place, run)."""
    if places["key"].equals(runs["key"]):  # nothing changed, and both in the order of the ids
        return pl.concat([places.select("place"), runs.select("run")], how="horizontal")
    register(con, "current", places)
    register(con, "ledger", runs)
    return con.sql(statement("engine/settled")).pl()


def _are_alike(images: pl.DataFrame, runs: pl.DataFrame, own_runs: np.ndarray[Any, Any]) -> bool:
    """Compare ids and hashes of images with those of their runs, a stretch at a time."""
    starts = range(0, images.height, _STRETCH)  # all at once they would be copied: 100 MB
    return all(
        images[start : start + _STRETCH].equals(runs[own_runs[start : start + _STRETCH]])
        for start in starts
    )


def _decided(images: pl.DataFrame, n_rows: pl.Series) -> pl.DataFrame:
    reason = (
        pl.when(n_rows > 0)
        .then(pl.lit("fresh"))
        .when(pl.col("params_hash") == NEVER_ANALYSED)
        .then(pl.lit("never_analysed"))
        .otherwise(pl.lit("fresh_zero_rows"))
    )
    return images.select(
        "image_id",
        pl.lit("skip").alias("action"),
        reason.alias("reason"),
        n_rows,
        pl.lit(value=True).alias("recorded"),
        "params_hash",
    )
