"""CSV, TSV and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from kymflow.core.formats.plain import frames, texts

if TYPE_CHECKING:
    import pyarrow as pa

UNPRINTABLE = r"[\p{C}\p{Zl}\p{Zp}]"
"""What could steer a terminal or hide on a page: controls, formats, separators of lines."""

PADDED = 40
"""A Markdown cell that is longer breaks the alignment of its line."""

_SPECIAL = r"([\\`*<\[|~])"
_ENTITY = r"&(#?\w+;)"
_EMPHASIS = r"(^|[^\p{L}\p{N}])_|_([^\p{L}\p{N}]|$)"  # inside a word Markdown leaves it alone


def _write_separated(
    batches: pa.RecordBatchReader, sink: BinaryIO, *, separator: str, header: bool
) -> None:
    for frame in frames(batches):
        lines = texts(frame).write_csv(
            separator=separator,
            include_header=header,
            null_value='""' if frame.width == 1 else None,  # a blank line would be no row
        )
        sink.write(lines.encode())
        header = False


write_csv = partial(_write_separated, separator=",")
write_tsv = partial(_write_separated, separator="\t")


def write_markdown(batches: pa.RecordBatchReader, sink: BinaryIO) -> None:
    """Write a pipe table, numbers to the right, padded as the first batch asks."""
    from rich.cells import cell_len

    widths: list[int] = []
    numeric: list[bool] = []
    for frame in frames(batches):
        cells = texts(frame).select(_escaped(pl.all().cast(pl.String).fill_null("")))
        if not widths:
            numeric = [dtype.is_numeric() for dtype in frame.dtypes]
            names = pl.Series(frame.columns).to_frame("name").select(_escaped(pl.col("name")))
            heads = names["name"].to_list()
            widths = [
                min(max(3, *map(cell_len, (head, *column))), PADDED)
                for head, column in zip(heads, cells.iter_columns(), strict=True)
            ]
            rules = [
                "-" * (width - right) + ":" * right
                for width, right in zip(widths, numeric, strict=True)
            ]
            sink.write(_line(heads, widths, numeric) + _line(rules, widths, numeric))
        sink.writelines(_line(row, widths, numeric) for row in cells.iter_rows())


def printable(text: pl.Expr) -> pl.Expr:
    """Return text on one line, without what could steer a terminal."""
    text = text.str.replace_all(r"\r\n|\r|\n", "↵").str.replace_all("\t", " ", literal=True)
    return text.str.replace_all(UNPRINTABLE, "\N{REPLACEMENT CHARACTER}")


def _line(cells: Sequence[str], widths: Sequence[int], numeric: Sequence[bool]) -> bytes:
    from rich.cells import cell_len

    padded = []
    for cell, width, right in zip(cells, widths, numeric, strict=True):
        space = " " * (width - cell_len(cell))
        padded.append(space + cell if right else cell + space)
    return f"| {' | '.join(padded)} |\n".encode()


def _escaped(text: pl.Expr) -> pl.Expr:
    """Return text that Markdown shows as it is, on one line."""
    text = text.str.replace_all(_SPECIAL, r"\${1}").str.replace_all(_ENTITY, "&amp;${1}")
    emphasis = text.str.contains(_EMPHASIS)
    text = pl.when(emphasis).then(text.str.replace_all("_", r"\_", literal=True)).otherwise(text)
    text = text.str.replace_all(r"\r\n|\r|\n", "<br>")
    return text.str.replace_all(UNPRINTABLE, "\N{REPLACEMENT CHARACTER}")
