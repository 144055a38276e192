"""``kymflow diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kymflow.cli import completing
from kymflow.cli.options import MOMENT, dataset_argument, open_tables
from kymflow.cli.output import Output, output_options

if TYPE_CHECKING:
    from kymflow_zarr.tables.types import AsOf


@click.command("diff")
@dataset_argument
@click.argument(
    "table", shell_complete=completing.tables, help="The table, as kym_velocity_events."
)
@click.argument(
    "before", metavar="V1", type=MOMENT, help="A version of `kymflow history`, or a time."
)
@click.argument("after", metavar="[V2]", type=MOMENT, required=False, help="Another; now if none.")
@output_options
def command(path: Path, table: str, before: AsOf, after: AsOf, output: Output) -> None:
    """Tell which images changed between two versions, and why.

    For tables in a DuckLake. details names the params keys that changed, the analysis versions, and
    why an image failed.
    """
    output.print(open_tables(path).diff(table, before, after))
