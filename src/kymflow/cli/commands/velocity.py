"""``kymflow velocity``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Literal

import click

from kymflow.cli import completing
from kymflow.cli.errors import FAILED, warn_of_failures
from kymflow.cli.options import (
    chosen_executor,
    dataset_argument,
    image_options,
    mode_option,
    open_dataset,
    param_option,
    picked_images,
    worker_options,
)
from kymflow.cli.results import suggest, tell_report
from kymflow.cli.watching import check_watch, keep_on, watch_options


@click.command("velocity")
@dataset_argument
@param_option("docs/velocity.md", completing.velocity_params)
@mode_option("incremental skips images that are not due, replace measures all again.")
@click.option(
    "--replace-imported",
    is_flag=True,
    help="Measure images whose traces came with their folder, too.",
)
@image_options
@worker_options
@watch_options
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    assignments: tuple[str, ...],
    mode: Literal["incremental", "replace"],
    replace_imported: bool,
    images: tuple[str, ...],
    where: str | None,
    workers: int | None,
    dask: str | None,
    watch: bool,
    every: float,
    poll: bool | None,
) -> None:
    """Measure velocities in the images' pixels.

    The Radon transform in short windows tells the slope of the streaks that cells draw. An image is
    measured again when its pixels, ROIs, scale or params change, and no other. Traces that came
    with an imported folder are left alone and counted as imported. `kymflow detect` finds events in
    the traces afterwards.
    """
    from kymflow.cli.changes import parse_changes
    from kymflow.cli.progress import update_bar
    from kymflow.core.velocity import velocity_dataset
    from kymflow.core.watch import Look, noted_images

    check_watch(watch, images, where, mode)
    dataset = open_dataset(path, writing=True)
    if watch:
        with chosen_executor(workers, dask) as executor:

            def look_again(look: Look) -> str:
                with noted_images(dataset, "traces", whole=look.is_whole) as noted:
                    report = velocity_dataset(
                        dataset,
                        changes=parse_changes(assignments),
                        image_ids=noted,
                        replace_imported=replace_imported,
                        workers=workers,
                        executor=executor,
                        on_error="record",
                    )
                failed = warn_of_failures(report.failures, dataset)
                return report.summary if report.measured or failed else ""

            keep_on(dataset, look_again, every=every, poll=poll)
        return
    with chosen_executor(workers, dask) as executor, update_bar("velocity") as progress:
        report = velocity_dataset(
            dataset,
            changes=parse_changes(assignments),
            image_ids=picked_images(dataset, images, where),
            mode=mode,
            replace_imported=replace_imported,
            workers=workers,
            executor=executor,
            progress=progress,
            on_error="record",
        )
    tell_report(report)
    if warn_of_failures(report.failures, dataset):
        ctx.exit(FAILED)
    if report.measured:
        suggest(f"kymflow detect {quote(str(path))}")
