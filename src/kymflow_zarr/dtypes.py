"""Which types fit together, and frames put under one another by that rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow_zarr.errors import UsageError
from kymflow_zarr.frames import check_column_names

if TYPE_CHECKING:
    import polars as pl
    from polars.datatypes import DataTypeClass


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
