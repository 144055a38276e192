"""``kymflow check``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.errors import FAILED
from kymflow.cli.options import dataset_argument, open_dataset
from kymflow.cli.output import Output, output_options


@click.command("check")
@dataset_argument
@click.option(
    "--repair", is_flag=True, help="Remove what is left over, write again what is derived."
)
@output_options
@click.pass_context
def command(ctx: click.Context, path: Path, repair: bool, output: Output) -> None:
    """Find what is damaged, left over by killed runs, or at odds.

    Tables, ledgers and artifacts are read to their end; pixels are not. A repair never changes
    images, artifacts and tables. Exit code 1 if something is found and not repaired.
    """
    from kymflow.core.kym_dataset.integrity.check import check

    found = check(open_dataset(path, writing=repair), repair=repair)
    output.print(found)
    if not found["repaired"].all():
        ctx.exit(FAILED)
