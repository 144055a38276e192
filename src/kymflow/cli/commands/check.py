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

    Tables, ledgers, artifacts and the journal of reviews are read to their end; pixels are not. A
    repair never changes images, artifacts and tables. Exit code 1 if something is found and not
    repaired.
    """
    import polars as pl

    from kymflow.core.kym_dataset.integrity.check import check
    from kymflow.core.review.findings import check_reviews

    dataset = open_dataset(path, writing=repair)
    found = pl.concat([check(dataset, repair=repair), check_reviews(dataset)])
    output.print(found)
    if not found["repaired"].all():
        ctx.exit(FAILED)
