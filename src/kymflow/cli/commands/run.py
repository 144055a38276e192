"""``kymflow run``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from kymflow.cli.errors import FAILED, remark, warn_of_failures
from kymflow.cli.options import (
    FolderPath,
    chosen_executor,
    dataset_argument,
    load_indexers,
    open_dataset,
    scale_options,
    worker_options,
)
from kymflow.cli.output import Output

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


@click.command("run")
@click.argument("folder", type=FolderPath(), help="The lab folder.")
@dataset_argument
@scale_options
@worker_options
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    path: Path,
    seconds_per_line: float | None,
    um_per_pixel: float | None,
    workers: int | None,
    dask: str | None,
) -> None:
    """Do the whole job: from a lab folder to tables.

    Import what is new, measure velocities in the pixels, detect events, bring every table up to
    date. Each step does only what is due, so that a second run on an unchanged folder does nothing.
    What fails is listed and does not stop the rest.
    """
    from kymflow.cli.progress import import_bar, update_bar
    from kymflow.core.kym_dataset import KymDataset
    from kymflow.core.lab_folder import import_folder
    from kymflow.core.velocity import velocity_dataset
    from kymflow.core.velocity_events import detect_dataset

    failed = 0
    with chosen_executor(workers, dask) as executor:
        with import_bar() as told:
            imported = import_folder(
                folder,
                path,
                workers=workers,
                executor=executor,
                seconds_per_line=seconds_per_line,
                um_per_pixel=um_per_pixel,
                progress=told,
            )
        click.echo(imported.summary)
        failed += warn_of_failures(imported.failures)
        dataset = open_dataset(path, writing=True)
        with update_bar("velocity") as progress:
            measured = velocity_dataset(
                dataset,
                workers=workers,
                executor=executor,
                progress=progress,
                on_error="record",
            )
        click.echo(measured.summary)
        failed += warn_of_failures(measured.failures)
        with update_bar("events") as progress:
            detected = detect_dataset(
                dataset,
                workers=workers,
                executor=executor,
                progress=progress,
                on_error="record",
            )
        click.echo(detected.summary)
        failed += warn_of_failures(detected.failures)
        kym = KymDataset(dataset)
        for indexer in load_indexers(()):
            with update_bar(indexer.name) as progress:
                updated = kym.update_index(
                    indexer,
                    mode="incremental",
                    on_error="record",
                    progress=progress,
                    workers=workers,
                    executor=executor,
                )
            click.echo(updated.summary)
            failed += warn_of_failures(updated.failures)
    _close(dataset, failed)
    if failed:
        ctx.exit(FAILED)


def _close(dataset: ZarrDataset, failed: int) -> None:
    """Say what is there now, and where to look next."""
    import polars as pl

    counts = {
        name: dataset.tables.count(f"kym_{name}")
        for name in ("images", "velocity", "velocity_events")
    }
    table = pl.DataFrame(
        {
            "images": [counts["images"]],
            "traces": [counts["velocity"]],
            "events": [counts["velocity_events"]],
            "failures": [failed],
        }
    )
    Output().print(table)
    remark(
        f"next: kymflow show {dataset.path} IMAGE_ID -o image.png; "
        f'kymflow sql {dataset.path} "FROM kym_velocity"'
    )
