"""Excel workbooks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, BinaryIO

import polars as pl
import polars.selectors as cs

from kymflow.core.extras import needs_extra
from kymflow.core.formats.plain import frames, texts
from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS, COLUMNS, CHARACTERS = 1_048_576, 16_384, 32_767
"""The most that a sheet and a cell hold, by Microsoft's "Excel specifications and limits"."""
EXACT = 10**15
_DIGITS = 15
FIRST_DAY = date(1900, 3, 1)
"""Before it Excel counts a day that never was, 29 February 1900."""


def write_xlsx(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write a workbook with one sheet: a table with filters, its head frozen.

    No text becomes a formula or a link. Times lose their zone; columns with whole numbers or
    decimals of more than 15 digits or with days before March 1900 become text, for Excel can't hold
    them.

    Raises:
        UsageError: If there are more rows or columns, or longer texts, than Excel can hold.
        MissingExtraError: If the library that writes workbooks is not installed.
    """
    with needs_extra("excel", "workbooks"):
        import xlsxwriter

    frame = _cells(_collected(batches))
    _check_texts(frame)
    workbook = xlsxwriter.Workbook(
        sink,
        {
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "nan_inf_to_errors": True,
            "default_date_format": "yyyy-mm-dd",
        },
    )
    frame.write_excel(
        workbook, column_formats={cs.numeric(): "General"}, autofit=True, freeze_panes=(1, 0)
    )
    workbook.close()


def _collected(batches: pa.RecordBatchReader) -> pl.DataFrame:
    columns = len(batches.schema)
    if columns > COLUMNS:
        raise UsageError(f"{columns:,} columns; a sheet holds {COLUMNS:,}: select fewer")
    parts: list[pl.DataFrame] = []
    for part in frames(batches):
        parts.append(part)
        if sum(each.height for each in parts) >= ROWS:
            raise UsageError(
                f"more rows than a sheet holds ({ROWS - 1:,} and the header): select fewer, or "
                f"write csv or parquet"
            )
    return pl.concat(parts)


def _cells(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame of the kinds of values that a cell can hold."""
    exact = cs.numeric() | cs.boolean() | cs.date() | cs.datetime() | cs.time()
    frame = frame.with_columns(texts(frame.select(~exact)))
    frame = frame.with_columns(cs.datetime(time_zone="*").dt.replace_time_zone(None))
    beyond = [name for name in frame.columns if _is_beyond(frame[name])]
    frame = frame.with_columns(texts(frame.select(beyond)).cast(pl.String))
    return frame.with_columns(cs.decimal().cast(pl.Float64))


def _is_beyond(values: pl.Series) -> bool:
    if values.dtype.is_integer():
        return values.len() > 0 and bool((values.abs() >= EXACT).any())
    if values.dtype.is_decimal():
        written = values.cast(pl.String).str.replace(r"(\.[0-9]*?)0+$", "${1}")
        digits = written.str.replace_all(r"[-.]", "").str.strip_chars_start("0").str.len_chars()
        return bool((digits > _DIGITS).any())
    if values.dtype in (pl.Date, pl.Datetime):
        return bool((values.cast(pl.Date) < FIRST_DAY).any())
    return False


def _check_texts(frame: pl.DataFrame) -> None:
    for name in frame.select(cs.string()).columns:
        longest = frame[name].str.len_chars().max()
        if isinstance(longest, int) and longest > CHARACTERS:
            raise UsageError(
                f"column {name!r} has a text of {longest:,} characters; a cell holds "
                f"{CHARACTERS:,}: leave the column out, or shorten it with left()"
            )
