"""``kymflow tables``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.commands.common import dataset_argument, open_tables
from kymflow.cli.output import Output, output_options


@click.command("tables")
@dataset_argument
@click.option("--no-stale", is_flag=True, help="Don't count stale images: faster where many are.")
@output_options
def command(path: Path, no_stale: bool, output: Output) -> None:
    """List the tables: rows, images, columns, size, stale.

    stale counts the images whose rows an update would make anew or prune; it is null for tables
    that belong to no registered indexer.
    """
    from kymflow.core.queries.catalog import describe_tables

    output.print(describe_tables(open_tables(path), stale=not no_stale))
