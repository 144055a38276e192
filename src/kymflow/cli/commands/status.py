"""``kymflow status``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.options import (
    counted,
    dataset_argument,
    indexers_argument,
    labelled,
    load_indexers,
    open_tables,
)
from kymflow.cli.output import Output, output_options


@click.command("status")
@dataset_argument
@indexers_argument
@click.option("--images", is_flag=True, help="List every image.")
@click.option("--reason", metavar="REASON", multiple=True, help="Only images with this reason.")
@click.option("--explain", metavar="IMAGE_ID", help="Why is this image stale?")
@output_options
def command(
    path: Path,
    indexers: tuple[str, ...],
    images: bool,
    reason: tuple[str, ...],
    explain: str | None,
    output: Output,
) -> None:
    """Say what is fresh and what is stale, and why.

    Nothing is changed.
    """
    import polars as pl

    from kymflow.core.kym_dataset.update.decide import REASONS

    for name in reason:
        if name not in REASONS:
            raise click.BadParameter(f"{name!r} is none of {', '.join(REASONS)}")
    kym = open_tables(path)
    frames = []
    for indexer in load_indexers(indexers):
        if explain:
            click.echo(f"{indexer.name}  {kym.explain(indexer, explain)}")
            continue
        verdicts = kym.staleness(indexer)
        if reason:
            verdicts = verdicts.filter(pl.col("reason").is_in(reason))
        frames.append(labelled(indexer, verdicts if images else counted(verdicts)))
    if frames:
        output.print(pl.concat(frames))
