"""Frames from anywhere, in the types that a table can hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import polars as pl
    from polars.datatypes import DataTypeClass

from typing import TYPE_CHECKING

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


def stack(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return the rows of many frames, columns united by name; absent ones become nulls.

    Raises:
        UsageError: If a column's types have nothing in common, or two names differ by case only.
    """
    import polars as pl

    if not frames:
        return pl.DataFrame()
    try:
        return pl.concat(frames, how="vertical")
    except (pl.exceptions.ShapeError, pl.exceptions.SchemaError):
        return _stack_unlike(frames)


def _stack_unlike(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    import polars as pl

    united: dict[str, pl.DataType] = {}
    for frame in frames:
        for name, dtype in frame.schema.items():
            common = common_dtype(united.setdefault(name, dtype), dtype)
            if common is None:
                raise UsageError(
                    f"column {name!r} holds {united[name]} for one image and {dtype} for another, "
                    f"which have no common type; cast it to one"
                )
            united[name] = common
    check_column_names(list(united))
    casts = [
        frame.cast(
            {name: united[name] for name, dtype in frame.schema.items() if dtype != united[name]}
        )
        for frame in frames
    ]
    return pl.concat(casts, how="diagonal")


def common_dtype(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the type that holds every value of both types, or None where there is none.

    Nulls take the other side's type, integers and floats widen, timestamps take the finer unit.
    Text never silently swallows numbers, nor numbers booleans.
    """
    import polars as pl

    if left == right or right == pl.Null:
        return left
    if left == pl.Null:
        return right
    if left.is_integer() and right.is_integer():
        return _wider_integer(left, right)
    if left.is_numeric() and right.is_numeric():
        plain = not (left.is_decimal() or right.is_decimal())
        return pl.Float64() if plain else None
    if isinstance(left, pl.Datetime) and isinstance(right, pl.Datetime):
        finest = left if left.time_unit == "ns" else right
        return finest if left.time_zone == right.time_zone else None
    if isinstance(left, pl.List) and isinstance(right, pl.List):
        inner = common_dtype(_instance(left.inner), _instance(right.inner))
        return None if inner is None else pl.List(inner)
    return None


def _wider_integer(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    import polars as pl

    ladder: list[type[pl.DataType]] = [pl.Int8, pl.Int16, pl.Int32, pl.Int64]
    unsigned: list[type[pl.DataType]] = [pl.UInt8, pl.UInt16, pl.UInt32, pl.UInt64]
    sides = [left.base_type(), right.base_type()]
    if all(side in unsigned for side in sides):
        return max(sides, key=unsigned.index)()
    ranks = [ladder.index(s) if s in ladder else unsigned.index(s) + 1 for s in sides]
    return ladder[max(ranks)]() if max(ranks) < len(ladder) else None


def _instance(dtype: pl.DataType | DataTypeClass) -> pl.DataType:
    import polars as pl

    return dtype if isinstance(dtype, pl.DataType) else dtype()
