"""Tables for people: as wide as the terminal, and what is left out is said."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

ROWS = 50
NULL, CUT, GAP = "·", "…", "  "
PLAN = ["explain_key", "explain_value"]

Style = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column as it is to be shown.

    Attributes:
        name: Its name, fit to print.
        cells: Its cells, likewise.
        right: Whether it stands right, as numbers do. Numbers are never cut; texts and names are.
        natural: The width that shows all of it.
        least: The width below which it is better not shown.
    """

    name: str
    cells: list[str]
    right: bool
    natural: int
    least: int


def table_text(batches: pa.RecordBatchReader, *, rows: int, width: int | None, colour: bool) -> str:
    """Return the text of a table.

    Args:
        batches: The rows; all are read, for those left out are counted.
        rows: How many to show.
        width: Cells of a line; None for as many as it takes.
        colour: Whether to set the head bold, and nulls and remarks dim.
    """
    bold, dim = styles(colour)
    frame, n_rows = head(batches, rows)
    if frame.columns == PLAN:
        return "".join(frame["explain_value"])
    columns = [shown_column(values) for values in frame.iter_columns()]
    widths = fitting([(c.natural, c.least) for c in columns], width)
    shown = columns[: len(widths)]
    cut = f"{GAP}{CUT}" if len(shown) < len(columns) else ""
    heads = [_padded(c.name, w, c.right) for c, w in zip(shown, widths, strict=True)]
    lines = [bold(f"{GAP.join(heads)}{cut}".rstrip()), dim("─" * (_taken(widths) + len(cut)))]
    for number in range(frame.height):
        cells = [
            dim(_padded(cell, w, c.right)) if cell == NULL else _padded(cell, w, c.right)
            for c, w in zip(shown, widths, strict=True)
            for cell in [c.cells[number]]
        ]
        lines.append(f"{GAP.join(cells)}{cut}".rstrip())
    remark = _left_out((frame.height, n_rows), (len(shown), len(columns)))
    if remark:
        lines.append(dim(remark))
    return "".join(f"{line}\n" for line in lines)


def fitting(columns: Sequence[tuple[int, int]], width: int | None) -> list[int]:
    """Return the widths of the columns that fit on a line, the leading ones where not all do.

    Texts are cut, the widest first, before a column is left out.

    Args:
        columns: The natural and the least width of each.
        width: Cells of a line; None for as many as it takes.
    """
    if width is None:
        return [natural for natural, _ in columns]
    kept = list(columns)
    if _taken([least for _, least in kept]) > width:
        width -= len(GAP + CUT)
        while len(kept) > 1 and _taken([least for _, least in kept]) > width:
            kept.pop()
    widths = [natural for natural, _ in kept]
    for cap in range(max(widths), 0, -1):
        if _taken(widths) <= width:
            break
        widths = [max(min(natural, cap), least) for natural, least in kept]
    return widths


def _taken(widths: Sequence[int]) -> int:
    """Return how many cells of a line columns of these widths take."""
    return sum(widths) + len(GAP) * (len(widths) - 1)


def head(batches: pa.RecordBatchReader, rows: int) -> tuple[pl.DataFrame, int]:
    """Return the first rows, and how many there are."""
    import pyarrow as pa

    from kymflow.core.formats.plain import as_frame, portable

    head: list[pa.Table] = []
    count = 0
    for table in portable(batches):
        if count < rows or not head:
            head.append(table.slice(0, max(0, rows - count)))
        count += table.num_rows
    return as_frame(pa.concat_tables(head)), count


def shown_column(values: pl.Series) -> Column:
    """Prepare a column for a terminal."""
    import polars as pl
    from rich.cells import cell_len

    from kymflow.core.formats.plain import texts
    from kymflow.core.formats.text import printable

    if values.dtype.is_float():
        cells = _aligned([_number(value) for value in values])
    else:
        column = printable(pl.first().cast(pl.String))
        if values.dtype.is_temporal():
            column = column.str.replace("T", " ").str.replace("+00:00", "Z", literal=True)
        cells = texts(values.to_frame()).select(column.fill_null(NULL)).to_series().to_list()
    name = pl.select(printable(pl.lit(values.name))).item()
    widest = max(map(cell_len, cells), default=0)
    right = values.dtype.is_numeric()
    natural = max(cell_len(name), widest)
    return Column(name, cells, right, natural, min(natural, max(widest, 8) if right else 10))


def _number(value: float | None) -> str:
    """Return a number to six digits, but no exponent where all digits of its whole part fit."""
    if value is None:
        return NULL
    return f"{value:.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:.6g}"


def _aligned(numbers: list[str]) -> list[str]:
    """Return numbers with spaces after them, so that their points stand below one another."""
    points = {text: len(text) - text.index(".") for text in numbers if "." in text}
    widest = max(points.values(), default=0)
    return [
        text if text == NULL else text + " " * (widest - points.get(text, 0)) for text in numbers
    ]


def _padded(text: str, width: int, right: bool) -> str:
    from rich.cells import cell_len, set_cell_size

    if cell_len(text) > width:
        return set_cell_size(text, width - 1) + CUT
    space = " " * (width - cell_len(text))
    return space + text if right else text + space


def rows_left_out(shown: int, rows: int) -> str:
    """Say that there are more rows than are shown, or none; empty where all are."""
    if not rows:
        return "no rows"
    return f"{shown:,} of {rows:,} rows" if shown < rows else ""


def _left_out(rows: tuple[int, int], columns: tuple[int, int]) -> str:
    """Say which rows and columns a table leaves out."""
    parts = [told] if (told := rows_left_out(*rows)) else []
    if columns[0] < columns[1]:
        parts.append(f"{columns[0]} of {columns[1]} columns; name those you want")
    return ", ".join(parts)


def styles(colour: bool) -> tuple[Style, Style]:
    """Return what sets a text bold, and what dims it."""
    from click import style

    if not colour:
        return str, str
    return lambda text: style(text, bold=True), lambda text: style(text, dim=True)
