"""How answers are printed: a table for people, CSV, JSON or Parquet for machines."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

TABLE_ROWS = 50


class Format(StrEnum):
    """The ways to print a frame."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


class Output:
    """Where and how a command prints its frame.

    Args:
        format_: The format; by default the file's ending decides, else a table on a terminal and
            CSV in a pipe.
        path: A file to write instead of standard output.
    """

    def __init__(self, format_: Format | None = None, path: Path | None = None) -> None:
        self.path = path
        self.format = format_ or self._default()

    def _default(self) -> Format:
        endings = {f".{each}": each for each in Format}
        if self.path is not None and self.path.suffix in endings:
            return endings[self.path.suffix]
        return Format.TABLE if self.path is None and sys.stdout.isatty() else Format.CSV

    def print(self, frame: pl.DataFrame) -> None:
        """Print a frame."""
        if self.format is Format.TABLE and self.path is None:
            print_table(frame)
            return
        data = encode(frame, self.format)
        if self.path is not None:
            from kymflow_zarr.files import write_atomic

            write_atomic(self.path, data)
            return
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()


def encode(frame: pl.DataFrame, format_: Format) -> bytes:
    """Return a frame as the bytes of a format; nested values stand as JSON in CSV."""
    import io
    import json

    buffer = io.BytesIO()
    if format_ is Format.PARQUET:
        frame.write_parquet(buffer)
        return buffer.getvalue()
    if format_ is Format.JSON:
        rows = json.dumps(frame.to_dicts(), default=_plain, ensure_ascii=False, indent=1)
        return f"{rows}\n".encode()
    if format_ is Format.TABLE:
        return str(frame).encode()
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    texts = {
        name: [None if v is None else json.dumps(v, default=_plain) for v in frame[name].to_list()]
        for name in nested
    }
    import polars as pl

    flat = frame.with_columns(pl.Series(name, cells, pl.String) for name, cells in texts.items())
    flat.write_csv(buffer)
    return buffer.getvalue()


def print_table(frame: pl.DataFrame) -> None:
    """Print the first rows of a frame as a table that fits the terminal."""
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, dtype in frame.schema.items():
        numeric = dtype.is_numeric()
        table.add_column(
            escape(name), justify="right" if numeric else "left", overflow="ellipsis", no_wrap=True
        )
    for row in frame.head(TABLE_ROWS).iter_rows():
        table.add_row(*(escape(_cell(value)) for value in row))
    console = Console()
    console.print(table)
    left_out = frame.height - TABLE_ROWS
    if left_out > 0:
        console.print(f"… and {left_out:,} more rows; --format csv prints them all", style="dim")


def warn(message: str, *, kind: str = "warning") -> None:
    """Print one line on standard error."""
    print(f"{kind}: {_printable(message)}", file=sys.stderr)


def _cell(value: object) -> str:
    if value is None:
        return "·"
    if isinstance(value, float):
        return f"{value:.6g}"
    return _printable(str(value))


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
