"""How commands print their answers: a table for people, other formats for machines."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from kymflow.cli.errors import printable, warn
from kymflow.cli.streams import is_output_closed
from kymflow.core.formats import FORMATS, TEXTS, format_of, write
from kymflow_zarr.errors import UsageError
from kymflow_zarr.store.files import atomic_path
from kymflow_zarr.store.targets import check_target

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

TABLE, VERTICAL = "table", "vertical"
PEOPLES = (TABLE, VERTICAL)
"""Formats for people, who are told what is left out."""


@dataclass(frozen=True, slots=True)
class Output:
    """Where and how a command prints.

    Args:
        format: ``table``, ``vertical`` or one of ``FORMATS``; by default the file's ending
            decides, else it is a table on a terminal and csv in a pipe.
        path: A file to write instead of standard output, atomically.
        limit: The most rows to print; what is left out is said.
        header: Whether csv and tsv begin with the columns' names.
    """

    format: str | None = None
    path: Path | None = None
    limit: int | None = None
    header: bool = True

    def print(self, frame: pl.DataFrame) -> int:
        """Print a frame and return how many rows it has; people get its times in their zone."""
        import pyarrow as pa

        if self.is_for_people:
            frame = _in_local_time(frame)
        return self.print_batches(pa.RecordBatchReader.from_stream(frame))

    def print_batches(self, batches: pa.RecordBatchReader) -> int:
        """Print batches as they come and return how many rows they have, as far as is known.

        Raises:
            UsageError: If a format that is not text would go to a terminal, or the file may not
                be written over.
        """
        if self.path is None:
            if is_output_closed():
                raise UsageError(
                    "there is nowhere to print: standard output is closed; name a file"
                )
            if sys.stdout.isatty() and self.chosen_format not in (*PEOPLES, *TEXTS):
                raise UsageError(
                    f"{self.chosen_format} is not for terminals; name a file with -o, or use a pipe"
                )
            out = sys.stdout.buffer
            plain = sys.stdout.isatty() and self.chosen_format in TEXTS
            return self._write(batches, cast(BinaryIO, _Terminal(out)) if plain else out)
        check_target(self.path)
        with atomic_path(self.path) as temporary, temporary.open("wb") as sink:
            return self._write(batches, sink)

    @property
    def is_for_people(self) -> bool:
        """Tell whether people will read it, and no program."""
        return self.chosen_format in PEOPLES

    @property
    def chosen_format(self) -> str:
        """Return the format, as given or by default."""
        if self.format is not None:
            return self.format
        if self.path is not None:
            return format_of(self.path)
        return TABLE if sys.stdout.isatty() else "csv"

    def _write(self, batches: pa.RecordBatchReader, sink: BinaryIO) -> int:
        limited = Limited(batches, None if self.is_for_people else self.limit)
        if self.is_for_people:
            sink.write(self._text(limited).encode())
        else:
            write(limited, self.chosen_format, sink, header=self.header)
        sink.flush()
        if limited.more:
            warn(f"only the first {self.limit:,} rows, there are more; --limit sets how many")
        return limited.rows

    def _text(self, batches: Limited) -> str:
        from kymflow.cli.table import ROWS, table_text
        from kymflow.cli.vertical import vertical_text

        watched = self.path is None and sys.stdout.isatty()
        write_text = table_text if self.chosen_format == TABLE else vertical_text
        return write_text(
            batches,
            rows=ROWS if self.limit is None else self.limit,
            width=get_terminal_size().columns if watched else None,
            colour=watched and "NO_COLOR" not in os.environ,
        )


def _in_local_time(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame with its UTC times as texts in local time, each with its zone."""
    import polars as pl

    def local(times: pl.Series) -> pl.Series:
        told = [t and f"{t.astimezone():%Y-%m-%d %H:%M:%S %Z}" for t in times]
        return pl.Series(times.name, told, pl.String)

    utc = [name for name, dtype in frame.schema.items() if dtype == pl.Datetime("us", "UTC")]
    return frame.with_columns(local(frame[name]) for name in utc)


class _Terminal:
    """A terminal that no text can steer: what could is shown as U+FFFD."""

    def __init__(self, out: BinaryIO) -> None:
        self._out = out

    def write(self, data: bytes) -> None:
        """Print text in UTF-8."""
        self._out.write(printable(data.decode(), "\n\t").encode())

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Print lines of text in UTF-8."""
        self.write(b"".join(lines))

    def flush(self) -> None:
        """Print what is held back."""
        self._out.flush()


class Limited:
    """Batches up to so many rows.

    Args:
        batches: The rows.
        limit: The most to yield; None for all.

    Attributes:
        schema: The batches' schema.
        rows: How many were yielded.
        more: Whether there were more than that.
    """

    def __init__(self, batches: pa.RecordBatchReader, limit: int | None) -> None:
        self._batches = batches
        self._limit = limit
        self.schema = batches.schema
        self.rows = 0
        self.more = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            left = batch.num_rows if self._limit is None else self._limit - self.rows
            self.more = batch.num_rows > left
            self.rows += min(batch.num_rows, left)
            yield batch.slice(0, left)
            if self.more:
                return


def output_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of an :class:`Output`, which it takes as ``output``."""

    @click.option(
        "--format",
        "format_",
        type=click.Choice([*PEOPLES, *FORMATS]),
        metavar="FORMAT",
        help=f"How to print: {', '.join([*PEOPLES, *FORMATS])}. A table on a terminal, csv in a "
        f"pipe by default; the file's ending decides with -o. vertical prints a line per column.",
    )
    @click.option(
        "-o",
        "--output",
        "output_path",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Write to this file instead.",
    )
    @click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=0, max=2**62),
        help="Print so many rows at most, and say if there are more; a table shows 50 by default.",
    )
    @click.option("--no-header", is_flag=True, help="Leave out the names in csv and tsv.")
    @wraps(command)
    def with_output(
        *args: Any,
        format_: str | None,
        output_path: Path | None,
        limit: int | None,
        no_header: bool,
        **kwargs: Any,
    ) -> None:
        command(*args, output=Output(format_, output_path, limit, not no_header), **kwargs)

    return with_output
