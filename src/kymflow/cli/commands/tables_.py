"""``kymflow tables``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.commands.common import dataset_argument, open_dataset
from kymflow.cli.output import Output, output_options


@click.command("tables")
@dataset_argument
@output_options
def command(path: Path, output: Output) -> None:
    """List the tables: rows, images, columns, size, stale."""
    from kymflow.core.queries.catalog import describe_tables

    output.print(describe_tables(open_dataset(path)))
