"""Columns of any type as columns that texts can be made of."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

import polars as pl
import pyarrow as pa

from kymflow_zarr.frames import named

if TYPE_CHECKING:
    from collections.abc import Sequence

_CLOCK = "%H:%M:%S%.f"
_STAMP = f"%Y-%m-%dT{_CLOCK}"
# Polars has no JSON number for a decimal. As a text behind a mark that no value can know of, its
# digits go through the encoder, and `exact_decimals` takes off mark and quotes.
_DECIMAL = f"decimal-{secrets.token_hex(8)}:"
_MARKED = rf'"{_DECIMAL}(-?[0-9.]+)"'


def frames(batches: pa.RecordBatchReader) -> Iterator[pl.DataFrame]:
    """Yield batches as frames, one without rows if there are none; see :func:`as_frame`."""
    for table in portable(batches):
        yield as_frame(table)


def as_frame(table: pa.Table) -> pl.DataFrame:
    """Return rows in types that :func:`plain` and :func:`texts` know.

    Maps become lists of key and value, for not every Polars knows them. Columns with times beyond
    the calendar become text, see :func:`~kymflow.core.formats.calendar.within_calendar`.
    """
    from kymflow.core.formats.calendar import within_calendar

    schema = pa.schema([(field.name, _without_maps(field.type)) for field in table.schema])
    # A cast loads pyarrow.compute, 30 ms.
    flat = table if table.schema.equals(schema) else table.cast(schema)
    columns = [within_calendar(column) for column in flat.columns]
    return cast(pl.DataFrame, pl.from_arrow(pa.table(columns, names=table.column_names)))


def portable(batches: pa.RecordBatchReader) -> Iterator[pa.Table]:
    """Yield batches in types that every reader knows, one without rows if there are none.

    Intervals become ISO 8601 durations, unions JSON. Of columns of one name the second and later
    ones are numbered.
    """
    names = unique_names(batches.schema.names)
    foreign = [place for place, field in enumerate(batches.schema) if _is_foreign(field.type)]
    some = False
    for batch in batches:
        if batch.num_rows:
            some = True
            yield _portable(batch, names, foreign)
    if not some:
        yield _portable(batches.schema.empty_table(), names, foreign)


def unique_names(names: Sequence[str]) -> list[str]:
    """Return names that differ by more than case: the second ``n`` becomes ``n_1``."""
    taken: set[str] = set()
    given: list[str] = []
    for name in names:
        number, free = 0, name
        while free.casefold() in taken:
            number += 1
            free = f"{name}_{number}"
        taken.add(free.casefold())
        given.append(free)
    return given


def plain(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose values are texts, numbers and truth values, nested as they were.

    Whole decimals become integers, others texts for :func:`exact_decimals`; binary becomes hex
    digits; times ISO 8601.
    """
    return frame.with_columns(
        plain_column(named(name), dtype).alias(name) for name, dtype in frame.schema.items()
    )


def exact_decimals(json: str) -> str:
    """Return the JSON of a plain frame with its decimals as numbers, all their digits kept."""
    return re.sub(_MARKED, r"\1", json) if _DECIMAL in json else json


def texts(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame as it stands in a text table: nested values as JSON, decimals exact."""
    columns = []
    for name, dtype in frame.schema.items():
        column = named(name)
        if dtype.is_nested():
            # As a field of a struct, for a bare list has no JSON: {"_":[…]} less its frame.
            inside = pl.struct(plain_column(column, dtype).alias("_")).struct.json_encode()
            inside = inside.str.replace_all(_MARKED, "${1}")
            column = pl.when(column.is_not_null()).then(inside.str.slice(5).str.head(-1))
        elif not dtype.is_decimal():
            column = plain_column(column, dtype)
        columns.append(column.alias(name))
    return frame.select(columns)


def plain_column(column: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return one column, or the elements of one, in plain values; see :func:`plain`."""
    match dtype:
        case pl.Decimal():
            return (
                pl.lit(_DECIMAL) + column.cast(pl.String) if dtype.scale else column.cast(pl.Int128)
            )
        case pl.Binary():
            return column.bin.encode("hex")
        case pl.Datetime():
            return column.dt.to_string(f"{_STAMP}%:z" if dtype.time_zone else _STAMP)
        case pl.Date():
            return column.dt.to_string("%Y-%m-%d")
        case pl.Time():
            return column.dt.to_string(_CLOCK)
        case pl.Duration():
            return column.dt.to_string("iso")
        case pl.Categorical() | pl.Enum() | pl.Null():
            return column.cast(pl.String)
        case pl.List() | pl.Array():
            items = column.arr.to_list() if isinstance(dtype, pl.Array) else column
            return items.list.eval(plain_column(pl.element(), cast(pl.DataType, dtype.inner)))
        case pl.Struct():
            # Fields by number: their names would be taken for patterns.
            numbered = column.struct.rename_fields([str(n) for n in range(len(dtype.fields))])
            fields = [
                plain_column(numbered.struct.field(str(n)), cast(pl.DataType, field.dtype)).alias(
                    field.name
                )
                for n, field in enumerate(dtype.fields)
            ]
            return pl.when(column.is_not_null()).then(pl.struct(fields))
    return column


def _portable(rows: pa.RecordBatch | pa.Table, names: list[str], foreign: list[int]) -> pa.Table:
    columns = list(rows.columns)
    for place in foreign:
        values = columns[place].to_pylist()
        columns[place] = pa.array([_foreign_text(value) for value in values], pa.string())
    fields = [
        pa.field(name, column.type, metadata=field.metadata)
        for name, column, field in zip(names, columns, rows.schema, strict=True)
    ]
    return pa.table(columns, schema=pa.schema(fields))


def _is_foreign(dtype: pa.DataType) -> bool:
    if pa.types.is_interval(dtype) or pa.types.is_union(dtype):
        return True
    return any(_is_foreign(dtype.field(n).type) for n in range(dtype.num_fields))


def _without_maps(dtype: pa.DataType) -> pa.DataType:
    """Return a type with maps as lists of their entries, at every depth."""
    if pa.types.is_map(dtype):
        entry = [("key", dtype.key_type), ("value", _without_maps(dtype.item_type))]
        return pa.list_(pa.struct(entry))
    if pa.types.is_struct(dtype):
        return pa.struct([(field.name, _without_maps(field.type)) for field in dtype])
    if pa.types.is_list(dtype):
        return pa.list_(_without_maps(dtype.value_type))
    return dtype


def _foreign_text(value: object) -> str | None:
    if value is None:
        return None
    found = _simple(value)
    return found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)


def _simple(value: Any) -> Any:
    if isinstance(value, pa.MonthDayNano):
        return _duration(value)
    if isinstance(value, dict):
        return {str(name): _simple(item) for name, item in value.items()}
    if isinstance(value, list):
        pairs = all(isinstance(item, tuple) for item in value) and value
        return _simple(dict(value)) if pairs else [_simple(item) for item in value]
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _duration(value: pa.MonthDayNano) -> str:
    """Return an ISO 8601 duration; a minus stands before each part that has one."""
    sign = "-" if value.nanoseconds < 0 else ""
    seconds, nanoseconds = divmod(abs(value.nanoseconds), 10**9)
    fraction = f".{nanoseconds:09d}".rstrip("0") if nanoseconds else ""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    date = [(value.months // 12, "Y"), (value.months % 12, "M"), (value.days, "D")]
    time = [(hours, "H"), (minutes, "M")]
    days = "".join(f"{count}{unit}" for count, unit in date if count)
    clock = "".join(f"{sign}{count}{unit}" for count, unit in time if count)
    if seconds or fraction:
        clock += f"{sign}{seconds}{fraction}S"
    return f"P{days}T{clock}" if clock else f"P{days}" if days else "PT0S"
