"""Frames of any library, converted to the types that a table can hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import polars as pl
    from polars.datatypes import DataTypeClass

_DUCKDBS_OWN = ("file_row_number",)  # a commit asks DuckDB for it
# What pandas makes of an index without a name: in Parquet, when it reads its own CSV, and by
# reset_index().
_IN_PARQUET, _READ_BACK, _RESET = (
    re.compile(r"__index_level_\d+__"),
    "Unnamed: 0",
    ("index", "level_0"),
)
_MOST_NESTED = 50


def named(name: str) -> pl.Expr:
    """The column of exactly this name; ``pl.col`` takes ``*`` and ``^…$`` for patterns.

    So do the methods of a Series that Polars makes of expressions: give it another name before.
    """
    import polars.selectors as cs

    return cs.by_name(name).as_expr()


def as_polars(frame: object) -> pl.DataFrame:
    """Return a frame as a Polars one, without an index of pandas.

    Args:
        frame: A Polars DataFrame or LazyFrame, or anything that speaks the Arrow PyCapsule
            stream: pandas, PyArrow, DuckDB.

    Raises:
        UsageError: If it is anything else.
    """
    import polars as pl

    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if isinstance(frame, pl.DataFrame):
        return without_index(frame)
    if hasattr(frame, "__arrow_c_stream__"):
        if from_pandas := type(frame).__module__.partition(".")[0] == "pandas":
            frame = _with_named_index(frame)
        return without_index(pl.DataFrame(frame), from_pandas=from_pandas)
    raise UsageError(
        f"a {type(frame).__name__} is not a frame; pass a Polars frame, or one that speaks the "
        f"Arrow PyCapsule stream, as those of pandas 2.2 or later and PyArrow do"
    )


def _with_named_index(frame: Any) -> Any:
    """Return a pandas frame with those levels of its index as columns that have a name."""
    levels = [name for name in frame.index.names if name is not None and name not in frame.columns]
    return frame.reset_index(level=levels) if levels else frame


def without_index(frame: pl.DataFrame, *, from_pandas: bool = False) -> pl.DataFrame:
    """Return a frame less what pandas made of its index, which numbers rows and says nothing else.

    These are columns named ``__index_level_0__`` and the like, and a first column of whole numbers
    named ``Unnamed: 0``.

    Args:
        frame: The frame; perhaps of many images, each with its ``image_id``.
        from_pandas: Whether the frame may have been written by pandas. Then columns without a
            name are its index as well, and so is a first column named ``index`` or ``level_0``
            where it counts an image's rows from 0.
    """
    import polars.selectors as cs

    gone = [
        name for name in frame.columns if _IN_PARQUET.fullmatch(name) or (from_pandas and not name)
    ]
    first = next((name for name in frame.columns if name not in gone), None)
    if first == _READ_BACK and frame.schema[first].is_integer():
        gone.append(first)
    elif from_pandas and first in _RESET:
        frame = _without_counts(frame, first)
    return frame.drop(cs.by_name(*gone)) if gone else frame


def _without_counts(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return a frame less a column that counts rows; it becomes null where it does so."""
    import polars as pl

    if frame.schema[name] != pl.Int64:  # Polars' own with_row_index() is UInt32
        return frame
    owner = [column for column in ("image_id",) if column in frame.columns]
    place = pl.int_range(pl.len())
    counts = pl.col(name) == (place.over(owner) if owner else place)
    counts = counts.all().over(owner) if owner else counts.all()
    kept = frame.with_columns(pl.when(~counts).then(pl.col(name)).alias(name))
    return frame.drop(name) if kept[name].null_count() == frame.height else kept


def storable(frame: pl.DataFrame) -> pl.DataFrame:
    """Convert a frame to the types that Parquet, DuckDB and Polars all read back alike.

    See :func:`stored_dtype`.

    Raises:
        UsageError: If a column's type has no such form, a time lies beyond the calendar, or a
            name is none for SQL.
    """
    import polars as pl

    check_column_names(frame.columns)
    casts: list[pl.Expr] = []
    for name, dtype in frame.schema.items():
        try:
            stored = stored_dtype(dtype)
        except ValueError as error:
            raise UsageError(f"column {name!r} is {dtype}, which {error}") from error
        if stored != dtype:
            casts.append(named(name).cast(stored))
            if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ms":
                _check_milliseconds(frame[name])
    return frame.with_columns(casts) if casts else frame


def _check_milliseconds(times: pl.Series) -> None:
    import polars as pl

    most = ((1 << 63) - 1) // 1000
    if not times.alias("times").cast(pl.Int64).is_between(-most, most).all():
        raise UsageError(
            f"column {times.name!r} holds a time beyond the year 290,000, which tables don't hold; "
            f"make it null"
        )


def stored_dtype(dtype: pl.DataType) -> pl.DataType:
    """Return the type in which a table holds values of a type.

    Categories become text, timestamps microseconds (nanoseconds stay where there is no time
    zone), time zones UTC, half precision single, arrays lists; so they do within lists and structs.

    Raises:
        ValueError: If there is no such type; the message says why, as the end of a sentence.
    """
    return _stored(dtype, _MOST_NESTED)


def _stored(dtype: pl.DataType, deeper: int) -> pl.DataType:
    import polars as pl

    if not deeper:
        raise ValueError(f"is nested more than {_MOST_NESTED} deep")
    match dtype:
        case pl.Categorical() | pl.Enum():
            return pl.String()
        case pl.Float16():
            return pl.Float32()
        case pl.Datetime():
            if dtype.time_zone is not None:
                return pl.Datetime("us", "UTC")
            return pl.Datetime("us") if dtype.time_unit == "ms" else dtype
        case pl.Array():
            # DuckLake has no arrays.
            return pl.List(_stored(_instance(dtype.inner), deeper - 1))
        case pl.List():
            return pl.List(_stored(_instance(dtype.inner), deeper - 1))
        case pl.Struct():
            names = [field.name for field in dtype.fields]
            try:
                check_column_names(names)
            except UsageError as error:
                raise ValueError(f"has a field that SQL can't hold: {error.message}") from error
            if not names:
                raise ValueError("has no fields")
            return pl.Struct(
                {field.name: _stored(_instance(field.dtype), deeper - 1) for field in dtype.fields}
            )
        case (
            pl.Null()
            | pl.Boolean()
            | pl.String()
            | pl.Binary()
            | pl.Date()
            | pl.Decimal()
            | pl.Float32()
            | pl.Float64()
        ):
            return dtype
        case pl.Int128() | pl.UInt128():
            raise ValueError("tables don't hold; give its numbers in 64 bits, or as text")
        case _ if dtype.is_integer():
            return dtype
        case pl.Duration():
            raise ValueError("tables don't hold; give durations as seconds")
        case pl.Time():
            raise ValueError("tables don't hold; give times of day as text, or as seconds")
    raise ValueError("tables don't hold; give its values as numbers or text")


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
                f"a column can't be named {name!r}: names may not be empty, contain NUL or be one "
                f"of DuckDB's own ({', '.join(_DUCKDBS_OWN)}); rename it"
            )
        seen[folded] = name


def stack(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Stack the rows of many frames, columns united by name; absent ones become nulls.

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
    return pl.concat([_cast(frame, united) for frame in frames], how="diagonal")


def _cast(frame: pl.DataFrame, dtypes: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Return a frame in other types, none of its values changed.

    Raises:
        UsageError: If a value has no such form.
    """
    changed = {name: dtypes[name] for name, old in frame.schema.items() if old != dtypes[name]}
    for name, dtype in changed.items():
        if not frame.select(survives(named(name), frame.schema[name], dtype).all()).item():
            raise UsageError(
                f"column {name!r} holds {frame.schema[name]} for some images and {dtype} for "
                f"others, and a value of the former is changed by the latter; cast it to one"
            )
    return frame.with_columns(named(name).cast(dtype) for name, dtype in changed.items())


def survives(values: pl.Expr, dtype: pl.DataType, common: pl.DataType) -> pl.Expr:
    """Tell for each value whether a cast to a common type leaves it what it is; null where null.

    Whole numbers beyond 2^53 may have no equal among floats, and times beyond the years 1677 to
    2262 have none in nanoseconds.

    Args:
        values: The values.
        dtype: Their type.
        common: See :func:`common_dtype`.
    """
    import polars as pl

    cast = values.cast(common, strict=False)
    if isinstance(dtype, pl.List) and isinstance(common, pl.List):
        inner = survives(pl.element(), _instance(dtype.inner), _instance(common.inner))
        return values.list.eval(inner).list.all()
    if dtype.is_integer() and common.is_float():
        return cast.cast(dtype, strict=False).eq_missing(values)
    return cast.is_not_null() | values.is_null()


def common_dtype(left: pl.DataType, right: pl.DataType) -> pl.DataType | None:
    """Return the type that holds every value of both types, or None if there is none.

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
