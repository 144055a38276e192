"""Velocity traces: CSV files of one or more ROIs, one after another."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.lab_folder.reading import MAX_TABLE, broken, read_bytes
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.csv_frames import decode_csv

_KEYS = {"roi_id": pl.Int32(), "channel": pl.Int32()}
_REQUIRED = ("time", "velocity")
_SEPARATORS = ",;\t"
_LONGEST_HEADER = 1 << 16


def read_trace(path: Path) -> pl.DataFrame:
    """Read a trace file. Lines without any value are no rows.

    Args:
        path: The CSV; values are separated by commas, semicolons or tabs.

    Returns:
        Frame (roi_id int32, channel int32, time float64 in s, null where there is none, velocity
        float64 in mm/s with NaN where there is no evidence, and the file's other columns), one row
        per window, in file order.

    Raises:
        SourceFileError: If it is not such a CSV, or a ROI or channel is not a whole number.
    """
    data = read_bytes(path, MAX_TABLE)
    try:
        separator = _separator(data)
        return _typed(decode_csv(data, separator=separator), separator, path)
    except (ValueError, pl.exceptions.PolarsError) as error:
        if type(error).__module__.startswith("kymflow"):
            raise
        raise broken(path, f"it is not a trace CSV: {first_line(error)}") from error


def _separator(data: bytes) -> str:
    """Find the separator by the first line: German Excel writes semicolons."""
    names = data.lstrip()[:_LONGEST_HEADER].splitlines()[:1]
    return max(_SEPARATORS, key=lambda sign: names[0].count(sign.encode()) if names else 0)


def _typed(rows: pl.DataFrame, separator: str, path: Path) -> pl.DataFrame:
    rows = rows.rename({name: name.strip() for name in rows.columns})
    lacking = [name for name in _REQUIRED if name not in rows.columns]
    if lacking:
        raise broken(path, f"it has no column {' and no column '.join(lacking)}")
    if rows.columns[0] == "":
        rows = rows.drop("")
    rows = rows.filter(~pl.all_horizontal(pl.all().is_null()))
    if "roi_id" in rows.columns and 0 < rows["roi_id"].null_count() < rows.height:
        raise broken(path, "some of its rows tell of no roi_id")
    velocities = [name for name in rows.columns if name.lower().endswith("velocity")]
    numbers = [_number(rows[name], separator) for name in ("time", *velocities)]
    return conform(rows.with_columns(numbers), _KEYS, {}).select(
        pl.col(*_KEYS).fill_null(1),
        pl.when(pl.col("time").is_finite()).then("time"),
        pl.col(velocities).fill_null(float("nan")),
        pl.all().exclude(*_KEYS, "time", *velocities),
    )


def _number(column: pl.Series, separator: str) -> pl.Series:
    """Return a column as numbers; where commas don't separate values, they are decimal."""
    if column.dtype == pl.String:
        column = column.str.strip_chars().replace("", None)
        if separator != "," and not column.str.contains(".", literal=True).any():
            column = column.str.replace(",", ".", literal=True)
    return column.cast(pl.Float64)
