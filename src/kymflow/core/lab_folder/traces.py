"""Velocity traces: CSV files of one or more ROIs, one after another."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kymflow.core.lab_folder.reading import MAX_TABLE, broken, read_bytes
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.codecs import decode_csv

_KEYS = {"roi_id": pl.Int32(), "channel": pl.Int32()}
_REQUIRED = ("time", "velocity")


def read_trace(path: Path) -> pl.DataFrame:
    """Read a trace file.

    Args:
        path: The CSV.

    Returns:
        Frame (roi_id int32, channel int32, time float64 in s, velocity float64 in mm/s with NaN
        where there is no evidence, and the file's other columns), a row a window, in file order.

    Raises:
        SourceFileError: If it is not such a CSV.
    """
    data = read_bytes(path, MAX_TABLE)
    try:
        rows = decode_csv(data)
    except ValueError as error:
        raise broken(path, str(error)) from error
    try:
        return _typed(rows, path)
    except pl.exceptions.PolarsError as error:
        raise broken(path, f"it is not a trace CSV: {first_line(error)}") from error


def _typed(rows: pl.DataFrame, path: Path) -> pl.DataFrame:
    rows = rows.rename({name: name.strip() for name in rows.columns})
    lacking = [name for name in _REQUIRED if name not in rows.columns]
    if lacking:
        raise broken(path, f"it has no column {' and no column '.join(lacking)}")
    if rows.columns[0] == "":
        rows = rows.drop("")
    keys = [
        (pl.col(name) if name in rows.columns else pl.lit(1)).cast(dtype).alias(name)
        for name, dtype in _KEYS.items()
    ]
    velocities = [name for name in rows.columns if name.lower().endswith("velocity")]
    return rows.select(
        *keys,
        pl.col("time").cast(pl.Float64),
        *(pl.col(name).cast(pl.Float64).fill_null(float("nan")) for name in velocities),
        pl.all().exclude(*_KEYS, "time", *velocities),
    )
