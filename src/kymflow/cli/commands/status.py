"""``kymflow status``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.errors import printable
from kymflow.cli.options import (
    dataset_argument,
    indexers_argument,
    load_indexers,
    open_tables,
    picked_images,
    tell_of_older_traces,
)
from kymflow.cli.output import Output, output_options


@click.command("status")
@dataset_argument
@indexers_argument
@click.option("--images", is_flag=True, help="List every image.")
@click.option("--reason", metavar="REASON", multiple=True, help="Only images with this reason.")
@click.option("--explain", metavar="IMAGE", help="Why is this image stale?")
@click.option("--verify", is_flag=True, help="Read and hash every file and row.")
@output_options
def command(
    path: Path,
    indexers: tuple[str, ...],
    images: bool,
    reason: tuple[str, ...],
    explain: str | None,
    verify: bool,
    output: Output,
) -> None:
    """Show what is up to date and what is due, by step, and why.

    The traces are what `kymflow velocity` makes of the pixels, unless they were imported; the
    events are what `kymflow detect` makes of the traces; each table is what `kymflow index` makes
    of those. Nothing is changed.
    """
    import polars as pl

    from kymflow.core.artifacts.image_names import source_paths, telling_length
    from kymflow.core.chain import chain_status
    from kymflow.core.kym_dataset.overview import count_reasons, label_step
    from kymflow.core.kym_dataset.update.decide import REASONS
    from kymflow.core.velocity.plan import REASONS as MEASUREMENT_REASONS
    from kymflow.core.velocity_events.plan import REASONS as DETECTION_REASONS

    known = list(dict.fromkeys((*REASONS, *MEASUREMENT_REASONS, *DETECTION_REASONS)))
    for name in reason:
        if name not in known:
            raise click.BadParameter(f"{name!r} is none of {', '.join(known)}")
    kym = open_tables(path)
    chosen = load_indexers(indexers)
    if explain:
        [image_id] = picked_images(kym.dataset, (explain,), None) or [explain]
        for indexer in chosen:
            click.echo(printable(f"{indexer.name}  {kym.explain(indexer, image_id)}"))
        return
    steps = chain_status(kym, chosen, verify=verify)
    older = [
        image_id
        for step, verdicts in steps
        if step == "velocity_events"
        for image_id in verdicts.filter(reason="trace_changed")["image_id"]
    ]
    chosen_rows = pl.col("reason").is_in(reason) if reason else pl.lit(value=True)
    frames = [(step, verdicts.filter(chosen_rows)) for step, verdicts in steps]
    if not images:
        output.print(pl.concat(label_step(step, count_reasons(f)) for step, f in frames))
    else:
        listed = pl.concat(label_step(step, f) for step, f in frames)
        ids = listed["image_id"].unique().to_list()
        files = pl.DataFrame(
            list(source_paths(kym.dataset, ids)),
            dict.fromkeys(("image_id", "file"), pl.String),
            orient="row",
        )
        named = listed.join(files, on="image_id", how="left", maintain_order="left")
        if output.is_for_people:  # who name an image by its file, or by the beginning of its id
            beginning = pl.col("image_id").str.head(telling_length(ids))
            named = named.select("step", beginning, "file", "action", "reason", "n_rows")
        output.print(named)
    tell_of_older_traces(older)
