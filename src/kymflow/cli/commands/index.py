"""``kymflow index``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from kymflow.cli.errors import FAILED, warn
from kymflow.cli.options import (
    chosen_executor,
    counted,
    dataset_argument,
    image_options,
    indexers_argument,
    labelled,
    load_indexers,
    open_tables,
    picked_images,
    worker_options,
)
from kymflow.cli.output import Output


@click.command("index")
@dataset_argument
@indexers_argument
@click.option(
    "--mode",
    type=click.Choice(["incremental", "replace"]),
    default="incremental",
    show_default=True,
    help="incremental makes stale images again, replace makes all.",
)
@image_options
@worker_options
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    indexers: tuple[str, ...],
    mode: Literal["incremental", "replace"],
    images: tuple[str, ...],
    where: str | None,
    workers: int | None,
    dask: str | None,
    dry_run: bool,
) -> None:
    """Bring tables up to date: make again what is stale.

    What is fresh is skipped, rows of deleted images are pruned. An image that fails is listed
    and keeps its old rows.
    """
    from kymflow.cli.progress import update_bar

    kym = open_tables(path, writing=not dry_run)
    chosen = load_indexers(indexers)
    image_ids = picked_images(kym.dataset, images, where)
    failed = False
    if dry_run:
        for indexer in chosen:
            verdicts = kym.staleness(indexer, image_ids=image_ids, mode=mode)
            Output().print(labelled(indexer, counted(verdicts)))
        return
    with chosen_executor(workers, dask) as executor:
        for indexer in chosen:
            with update_bar(indexer.name) as progress:
                report = kym.update_index(
                    indexer,
                    mode=mode,
                    image_ids=image_ids,
                    on_error="record",
                    progress=progress,
                    workers=workers,
                    executor=executor,
                )
            click.echo(report.summary)
            for failure in report.failures:
                warn(f"{failure.image_id}: {failure.message}", kind="failed")
            failed = failed or bool(report.failures)
    if failed:
        ctx.exit(FAILED)
