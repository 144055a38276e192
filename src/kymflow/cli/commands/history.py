"""``kymflow history``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli import completing
from kymflow.cli.options import dataset_argument, open_dataset
from kymflow.cli.output import Output, output_options


@click.command("history")
@dataset_argument
@click.argument("table", shell_complete=completing.tables, help="The table.")
@output_options
def command(path: Path, table: str, output: Output) -> None:
    """List the versions of a table in a DuckLake: when, who, what.

    kept, added and removed count rows. `kymflow sql --at VERSION` asks a version, `kymflow diff`
    tells two apart.
    """
    output.print(open_dataset(path).tables.history(table))
