"""CSV read into frames: which lines are rows, and which texts are numbers."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING

from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    import polars as pl

MAX_COLUMNS = 20_000
MAX_CELLS = 50_000_000  # a line of one letter makes a row of nulls, 16 bytes per cell
MAX_HEADER = 4 << 20

_HEADER = re.compile(rb'[\r\n]*+(?:[^"\r\n]++|"[^"]*+"?)*+')  # up to a line break out of quotes
# Polars unpacks what begins like a packed file, however large that gets; not behind this mark.
_MARK = b"\xef\xbb\xbf"
_BLANK_LINE = re.compile(rb"\n[ \t]*\r?\n|\n[ \t]+\Z")
_BLANK_LINES = re.compile(rb'("[^"]*")|\n(?:[ \t]*\r?\n)+|\n[ \t]+\Z')
_EMPTY_LINES = re.compile(rb'("[^"]*")|\n(?:\r?\n)+')
_LEADING = re.compile(rb"(?:[ \t]*\r?\n)+")

_WHOLE = r"^-?(?:0|[1-9][0-9]*)$"
_NUMBER = (
    r"^[+-]?(?:(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|"
    r"(?i:nan|inf|infinity))$"
)
# Among fractions a whole number of 16 digits or more may lose the last of them.
_INEXACT = r"^[+-]?[0-9]{16,}$"
_INFINITE = r"(?i)inf"
_TRUTH = ("true", "false", "True", "False", "")
_WRITTEN_AS_FLOAT = r"^-?[0-9]+\.0$"


def decode_csv(text: bytes, *, texts: Collection[str] = (), separator: str = ",") -> pl.DataFrame:
    """Return the frame that CSV in UTF-8 holds.

    A blank line is no row. A column is of whole numbers, numbers or truth values if all its values
    are; an empty value is null. A column is text where a number would not be what is written:
    ``007``, ``1_2``, whole numbers beyond 64 bits, or of more than 15 digits among fractions.

    Args:
        text: The bytes.
        texts: Names of columns that are text whatever they hold. Where such a column has only
            numbers like ``7.0``, as pandas writes whole numbers beside missing ones, it is ``7``.
        separator: What is between two values.

    Raises:
        ValueError: If it is not such CSV, has more than 20,000 columns, a header longer than
            4 MiB, or more than 50 million cells.
    """
    import polars as pl

    if not text.strip():
        return pl.DataFrame()
    # A header of commas alone would cost thousands of times its size.
    header = _HEADER.match(text, 0, MAX_HEADER)
    commas = header[0].count(separator.encode()) if header else 0
    if header is None or header.end() == MAX_HEADER or commas >= MAX_COLUMNS:
        raise ValueError(
            f"its header is longer than 4 MiB or has more than {MAX_COLUMNS:,} columns"
        )
    cells = (commas + 1) * text.count(b"\n", header.end())
    if cells > MAX_CELLS:
        raise ValueError(f"it has {cells:,} cells, more than the {MAX_CELLS:,} that are read")
    lines = _without_blank_lines(text, one_column=not commas)
    if not lines.startswith(_MARK):
        lines = _MARK + lines
    try:
        raw = pl.read_csv(lines, infer_schema=False, separator=separator)
        return pl.DataFrame({name: _typed(raw[name], name in texts) for name in raw.columns})
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise ValueError(f"it is not CSV ({first_line(error)})") from error


def _without_blank_lines(text: bytes, *, one_column: bool) -> bytes:
    """Return CSV without its blank lines; in one column a line of blanks is a value."""
    if b"\n" not in text:
        text = text.replace(b"\r", b"\n")
    leading = _LEADING.match(text)
    text = text[leading.end() :] if leading else text
    if _BLANK_LINE.search(text) is None:
        return text
    lines = _EMPTY_LINES if one_column else _BLANK_LINES
    return lines.sub(lambda match: match[1] or b"\n", text)


def _typed(column: pl.Series, is_text: bool) -> pl.Series:
    import polars as pl

    values = column.drop_nulls()
    filled = values.filter(values != "")
    if is_text:
        short = filled.len() and filled.str.contains(_WRITTEN_AS_FLOAT).all()
        return column.str.strip_suffix(".0") if short else column
    if filled.is_empty():
        return column
    if filled.str.contains(_WHOLE).all():
        whole = filled.cast(pl.Int64, strict=False)
        return column if whole.has_nulls() else _cast(column, pl.Int64())
    if filled.str.contains(_NUMBER).all() and not filled.str.contains(_INEXACT).any():
        numbers = filled.cast(pl.Float64)
        overflow = numbers.is_infinite() & ~filled.str.contains(_INFINITE)
        return column if overflow.any() else _cast(column, pl.Float64())
    if filled.is_in(_TRUTH).all():
        truths = column.str.to_lowercase().replace_strict(
            {"true": True, "false": False}, default=None, return_dtype=pl.Boolean
        )
        return truths
    return column


def _cast(column: pl.Series, dtype: pl.DataType) -> pl.Series:
    return column.cast(dtype, strict=False)  # an empty text becomes null
