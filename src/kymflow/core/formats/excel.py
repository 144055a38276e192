"""Excel workbooks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl
import polars.selectors as cs

from kymflow.core.extras import needs_extra
from kymflow.core.formats.plain import as_frame, portable, texts, unique_names
from kymflow_zarr.errors import UsageError
from kymflow_zarr.frames import named

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, COLUMNS, CHARACTERS = 1_048_576, 16_384, 32_767
"""The most that a sheet and a cell hold, by Microsoft's "Excel specifications and limits"."""
HEAD = 255
"""The most characters that a table's column may have in its name."""
_NO_HEAD = re.compile("[\x00-\x1f\x7f-\x9f\ufffe\uffff]")
_TWO = "[\U00010000-\U0010ffff]"
DIGITS = 15
"""Of a number; Excel makes further ones 0."""
_EPOCH = date(1970, 1, 1)
DAYS = (date(1900, 3, 1) - _EPOCH).days, (date(9999, 12, 31) - _EPOCH).days
"""Before the first Excel counts a day that never was, 29 February 1900; after the last none."""


def write_xlsx(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write a workbook with one sheet: a table with filters, its head frozen.

    No text becomes a formula or a link. Times lose their zone; columns with whole numbers or
    decimals of more than 15 digits, with times before March 1900 or after the year 9999 become
    text, for Excel can't hold them. Other numbers lose what is beyond 16 digits.

    Raises:
        UsageError: If there are more rows or columns, or longer texts, than Excel can hold.
        MissingExtraError: If the library that writes workbooks is not installed.
    """
    with needs_extra("excel", "workbooks"):
        import xlsxwriter

    frame = _cells(_collected(batches))
    _check_texts(frame)
    with xlsxwriter.Workbook(sink) as workbook:
        sheet = workbook.add_worksheet()
        # Not Polars' own write_excel(), which takes names for patterns.
        columns = [{"header": head} for head in _heads(frame.columns)]
        sheet.add_table(0, 0, max(1, frame.height), frame.width - 1, {"columns": columns})
        for place, values in enumerate(frame.iter_columns()):
            _write_column(workbook, sheet, place, values)
        sheet.freeze_panes(1, 0)
        sheet.autofit()


def _write_column(workbook: Any, sheet: Any, place: int, values: pl.Series) -> None:
    shown = {pl.Date: "yyyy-mm-dd", pl.Datetime: "yyyy-mm-dd hh:mm:ss", pl.Time: "hh:mm:ss"}
    style = workbook.add_format({"num_format": shown.get(values.dtype.base_type(), "General")})
    if values.dtype.is_temporal():
        write = sheet.write_datetime
    elif values.dtype == pl.Boolean:
        write = sheet.write_boolean
    else:
        write = sheet.write_number if values.dtype.is_numeric() else sheet.write_string
    for line, value in enumerate(values, start=1):
        if isinstance(value, float) and not math.isfinite(value):
            sheet.write_string(line, place, str(value), style)  # an error would spoil every sum
        elif value is not None:
            write(line, place, value, style)


def _collected(batches: pa.RecordBatchReader) -> pl.DataFrame:
    import pyarrow as pa

    columns = len(batches.schema)
    if columns > COLUMNS:
        raise UsageError(f"{columns:,} columns; a sheet holds {COLUMNS:,}: select fewer")
    parts: list[pa.Table] = []
    for part in portable(batches):
        parts.append(part)
        if sum(each.num_rows for each in parts) >= ROWS:
            raise UsageError(
                f"more rows than a sheet holds ({ROWS - 1:,} and the header): select fewer, or "
                f"write csv or parquet"
            )
    return as_frame(pa.concat_tables(parts))


def _cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame of the kinds of values that a cell can hold."""
    exact = cs.numeric() | cs.boolean() | cs.date() | cs.datetime() | cs.time()
    frame = frame.with_columns(texts(frame.select(~exact)))
    frame = frame.with_columns(cs.datetime(time_zone="*").dt.replace_time_zone(None))
    # Under another name, which a method of a Series can't take for a pattern.
    beyond = [name for name in frame.columns if _is_beyond(frame[name].alias("values"))]
    frame = frame.with_columns(texts(frame.select(cs.by_name(*beyond))).cast(pl.String))
    # As text first: 0.1 in single precision is 0.1, not 0.10000000149.
    short = cs.by_dtype(pl.Float32).cast(pl.String).cast(pl.Float64)
    return frame.with_columns(cs.decimal().cast(pl.Float64), short)


def _is_beyond(values: pl.Series) -> bool:
    """Tell whether a column holds a value that a cell would change."""
    if values.dtype.is_decimal():
        written = values.cast(pl.String).str.replace(r"(\.[0-9]*?)0+$", "${1}")
        digits = written.str.replace_all(r"[-.]", "").str.strip_chars_start("0")
        return bool((digits.str.len_chars() > DIGITS).any())
    if values.dtype.is_integer():
        least, most = values.min(), values.max()
        return least is not None and max(-least, most) >= 10**DIGITS  # type: ignore[operator,type-var]
    if values.dtype in (pl.Date, pl.Datetime):
        return not values.cast(pl.Date).to_physical().is_between(*DAYS).all()
    return False


def _heads(names: Sequence[str]) -> list[str]:
    """Return the names as a sheet's table may bear them: all different, and fit for XML."""
    fit = [_NO_HEAD.sub("\N{REPLACEMENT CHARACTER}", name) for name in names]
    cut = [name if len(name) <= HEAD else f"{name[: HEAD - 8]}…" for name in fit]
    return unique_names(cut)


def _check_texts(frame: pl.DataFrame) -> None:
    for name in frame.select(cs.string()).columns:
        # Excel counts in UTF-16, where some characters are two.
        text = named(name).str
        longest = frame.select((text.len_chars() + text.count_matches(_TWO)).max()).item()
        if isinstance(longest, int) and longest > CHARACTERS:
            raise UsageError(
                f"column {name!r} has a text of {longest:,} characters; a cell holds "
                f"{CHARACTERS:,}: leave the column out, or shorten it with left()"
            )
