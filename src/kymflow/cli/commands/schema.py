"""``kymflow schema``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli import completing
from kymflow.cli.options import dataset_argument, open_tables
from kymflow.cli.output import Output, output_options


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

    output.print(describe_columns(open_tables(path), table))
