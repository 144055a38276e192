"""Rows for people, a line per column: for tables wider than the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.cli.table import GAP, NULL, head, rows_left_out, shown_column, styles

if TYPE_CHECKING:
    import pyarrow as pa


def vertical_text(
    batches: pa.RecordBatchReader, *, rows: int, width: int | None, colour: bool
) -> str:
    """Return the text of some rows, one below the other.

    Args:
        batches: The rows; all are read, for those left out are counted.
        rows: How many to show.
        width: Cells of a line; longer values go on below. None for as many as it takes.
        colour: Whether to set names bold, and nulls and remarks dim.
    """
    from rich.cells import cell_len, chop_cells

    bold, dim = styles(colour)
    frame, n_rows = head(batches, rows)
    columns = [shown_column(values) for values in frame.iter_columns()]
    indent = max((cell_len(column.name) for column in columns), default=0)
    room = None if width is None else max(width - indent - len(GAP), 10)
    lines: list[str] = []
    for number in range(frame.height):
        lines.append(dim(f"── row {number + 1:,}"))
        for column in columns:
            cell = column.cells[number].strip()
            parts = [cell] if room is None or cell_len(cell) <= room else chop_cells(cell, room)
            name = column.name + " " * (indent - cell_len(column.name))
            first = dim(NULL) if cell == NULL else parts[0]
            lines.append(f"{bold(name)}{GAP}{first}".rstrip())
            lines += [f"{' ' * indent}{GAP}{part}" for part in parts[1:]]
    if remark := rows_left_out(frame.height, n_rows):
        lines.append(dim(remark))
    return "".join(f"{line}\n" for line in lines)
