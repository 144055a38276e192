"""Times that no calendar of Python or Polars reaches, as text: infinite, or 260,000 years away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pyarrow as pa

_DAY_S = 86_400
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_MOST_DAYS = 95_000_000  # Polars panics beyond the year 262,142
_CYCLE = 146_097  # days of 400 years, after which the calendar repeats
_EPOCH = date(1970, 1, 1)


def within_calendar(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column as it is, or as text if it holds a time that is beyond the calendar.

    DuckDB's ``infinity`` is such, and the time of day ``24:00:00``. Texts are ISO 8601 as those of
    other times, with a sign before years of more than four digits, or ``infinity``.
    """
    if not any(map(_is_beyond, _times(column))):
        return column
    numbers = column.cast(_retyped(column.type, _number_type))
    values = [_told(value, column.type) for value in numbers.to_pylist()]
    return pa.chunked_array([pa.array(values, _retyped(column.type, _text_type))])


def _times(column: pa.ChunkedArray | pa.Array) -> Iterator[pa.ChunkedArray | pa.Array]:
    """Yield the times in a column, at every depth."""
    dtype = column.type
    if _is_time(dtype):
        yield column
    elif pa.types.is_nested(dtype) and _has_times(dtype):
        for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            parts = chunk.flatten()
            for part in parts if isinstance(parts, list) else [parts]:
                yield from _times(part)


def _is_beyond(times: pa.ChunkedArray | pa.Array) -> bool:
    import pyarrow.compute as pc

    ends = pc.min_max(times.cast(_number_type(times.type))).as_py()
    return any(
        end is not None and _is_beyond_calendar(end, times.type)
        for end in (ends["min"], ends["max"])
    )


def _is_beyond_calendar(value: int, dtype: pa.DataType) -> bool:
    if pa.types.is_time(dtype):
        return value >= _DAY_S * _PER_SECOND[dtype.unit]
    days = value if pa.types.is_date32(dtype) else value // (_DAY_S * _per_second(dtype))
    return abs(days) > _MOST_DAYS or abs(value) == _infinity(dtype)


def _told(value: Any, dtype: pa.DataType) -> Any:
    """Return a value with its times as texts."""
    if value is None or not _has_times(dtype):
        return value
    if pa.types.is_struct(dtype):
        return {field.name: _told(value[field.name], field.type) for field in dtype}
    if pa.types.is_nested(dtype):
        return [_told(item, dtype.value_type) for item in value]
    if pa.types.is_time(dtype):
        return _clock(value, dtype)
    if abs(value) == _infinity(dtype):
        return "infinity" if value > 0 else "-infinity"
    if pa.types.is_date32(dtype):
        return _day(value)
    days, clock = divmod(value, _DAY_S * _per_second(dtype))
    zone = "+00:00" if pa.types.is_timestamp(dtype) and dtype.tz else ""
    return f"{_day(days)}T{_clock(clock, dtype)}{zone}"


def _day(days: int) -> str:
    """Return the date so many days after 1 January 1970, by the Gregorian calendar."""
    cycles, rest = divmod(days, _CYCLE)
    found = _EPOCH + timedelta(rest)
    year = found.year + 400 * cycles
    shown = f"{year:04d}" if 0 <= year <= 9999 else f"{year:+05d}"
    return f"{shown}-{found:%m-%d}"


def _clock(value: int, dtype: pa.DataType) -> str:
    per_second = _per_second(dtype)
    seconds, rest = divmod(value, per_second)
    nanoseconds = f"{rest * (10**9 // per_second):09d}"
    # As Polars writes it: no digits, three, six or nine.
    while nanoseconds.endswith("000"):
        nanoseconds = nanoseconds[:-3]
    fraction = f".{nanoseconds}" if nanoseconds else ""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}{fraction}"


def _per_second(dtype: pa.DataType) -> int:
    return 10**3 if pa.types.is_date64(dtype) else _PER_SECOND[dtype.unit]


def _infinity(dtype: pa.DataType) -> int:
    return (1 << (31 if pa.types.is_date32(dtype) else 63)) - 1


def _is_time(dtype: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(dtype) or pa.types.is_date(dtype) or pa.types.is_time(dtype))


def _has_times(dtype: pa.DataType) -> bool:
    if pa.types.is_nested(dtype):
        return any(_has_times(dtype.field(n).type) for n in range(dtype.num_fields))
    return _is_time(dtype)


def _number_type(dtype: pa.DataType) -> pa.DataType:
    return pa.int32() if dtype.bit_width == 32 else pa.int64()


def _text_type(_: pa.DataType) -> pa.DataType:
    return pa.string()


def _retyped(dtype: pa.DataType, leaf: Any) -> pa.DataType:
    """Return a type with another for each of its times."""
    if pa.types.is_struct(dtype):
        return pa.struct([(field.name, _retyped(field.type, leaf)) for field in dtype])
    if pa.types.is_nested(dtype):
        return pa.list_(_retyped(dtype.value_type, leaf))
    return leaf(dtype) if _is_time(dtype) else dtype
