"""``kymflow sql``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.commands.common import dataset_argument, open_tables
from kymflow.cli.output import Output, output_options


@click.command("sql")
@dataset_argument
@click.argument("query", help="DuckDB SQL.")
@output_options
def command(path: Path, query: str, output: Output) -> None:
    """Answer a SQL query over the tables, read-only."""
    output.print(open_tables(path).sql(query))
