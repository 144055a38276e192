"""``kymflow schema``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kymflow.cli import completing
from kymflow.cli.options import dataset_argument, open_tables
from kymflow.cli.output import Output, output_options

if TYPE_CHECKING:
    import polars as pl

_ROOM = 10


@click.command("schema")
@dataset_argument
@click.argument(
    "table",
    shell_complete=completing.views,
    help="A table, or a view such as kym_events, <table>_runs or <table>_params.",
)
@output_options
def command(path: Path, table: str, output: Output) -> None:
    """List a table's columns: types, units, nulls, range."""
    from kymflow.core.queries.columns import describe_columns

    columns = describe_columns(open_tables(path), table)
    output.print(_shortened(columns) if output.is_for_people else columns)


def _shortened(columns: pl.DataFrame) -> pl.DataFrame:
    """Shorten the ends of the ranges, so that what columns mean has room beside them."""
    import polars as pl

    def short(text: str | None) -> str | None:
        if text is None or len(text) <= _ROOM:
            return text
        try:
            return f"{float(text):.6g}"
        except ValueError:
            return f"{text[:_ROOM]}…"

    ends = pl.col("min", "max").map_elements(short, return_dtype=pl.String)
    return columns.with_columns(ends)
