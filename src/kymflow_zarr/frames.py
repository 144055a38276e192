"""Frames from anywhere, in the types that a table can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

_DUCKDBS_OWN = ("file_row_number",)  # a commit asks DuckDB for it


def as_polars(frame: object) -> pl.DataFrame:
    """Return a frame as a Polars one.

    Args:
        frame: A Polars DataFrame or LazyFrame, or anything that speaks the Arrow PyCapsule
            stream: pandas, PyArrow, DuckDB.

    Raises:
        UsageError: If it is none of these.
    """
    import polars as pl

    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if hasattr(frame, "__arrow_c_stream__"):
        converted = pl.DataFrame(frame)
        return converted.drop("__index_level_0__", strict=False)
    raise UsageError(
        f"a {type(frame).__name__} is not a frame; pass a Polars frame, or one that speaks the "
        f"Arrow PyCapsule stream, as those of pandas 2.2 or later and PyArrow do"
    )


def storable(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame in the types that Parquet, DuckDB and Polars all read back alike.

    Categories become text, timestamps microseconds (nanoseconds stay where there is no time
    zone), time zones UTC.

    Raises:
        UsageError: If a column's type has no such form, or its name is none for SQL.
    """
    import polars as pl

    check_column_names(frame.columns)
    casts: list[pl.Expr] = []
    for name, dtype in frame.schema.items():
        column = pl.col(name)
        if isinstance(dtype, pl.Categorical | pl.Enum):
            casts.append(column.cast(pl.String))
        elif isinstance(dtype, pl.Datetime):
            if dtype.time_zone is not None:
                column = column.dt.convert_time_zone("UTC").dt.cast_time_unit("us")
            elif dtype.time_unit == "ms":
                column = column.dt.cast_time_unit("us")
            casts.append(column)
        elif isinstance(dtype, pl.Duration | pl.Object | pl.Unknown) or "128" in str(dtype):
            raise UsageError(
                f"column {name!r} is {dtype}, which tables don't hold; give durations as seconds, "
                f"and other values as numbers or text"
            )
    return frame.with_columns(casts)


def check_column_names(names: Sequence[str]) -> None:
    """Refuse names that SQL can't hold or tell apart.

    Raises:
        UsageError: If there is one.
    """
    seen: dict[str, str] = {}
    for name in names:
        folded = name.lower()
        if folded in seen:
            raise UsageError(
                f"columns {seen[folded]!r} and {name!r} differ by case only, which SQL "
                f"can't tell apart; rename one"
            )
        if not name or "\0" in name or folded in _DUCKDBS_OWN:
            raise UsageError(
                f"a column can't be named {name!r}: names are not empty, hold no NUL and are none "
                f"of DuckDB's own ({', '.join(_DUCKDBS_OWN)}); rename it"
            )
        seen[folded] = name
