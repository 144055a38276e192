"""``kymflow detect``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import Literal

import click

from kymflow.cli import completing
from kymflow.cli.errors import FAILED, remark, warn, warn_of_failures
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
from kymflow.core.wording import counted


@click.command("detect")
@dataset_argument
@click.option(
    "--params",
    "params_file",
    metavar="FILE",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="JSON params for every image; by default each keeps its own.",
)
@param_option("docs/events.md", completing.event_params)
@mode_option("incremental skips images done with these params, replace makes all again.")
@image_options
@worker_options
@watch_options
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    params_file: Path | None,
    assignments: tuple[str, ...],
    mode: Literal["incremental", "replace"],
    images: tuple[str, ...],
    where: str | None,
    workers: int | None,
    dask: str | None,
    watch: bool,
    every: float,
    poll: bool | None,
) -> None:
    """Find velocity events in the images' traces.

    What people decided on events stays: labels, notes, rejections and corrected times move to the
    new event that overlaps most; what can't be moved is kept as it was, and listed. `kymflow index`
    brings the tables up to date afterwards.
    """
    from kymflow.cli.changes import parse_changes, read_params
    from kymflow.cli.progress import update_bar
    from kymflow.core.velocity_events import detect_dataset
    from kymflow.core.watch import Look, noted_images

    check_watch(watch, images, where, mode)
    dataset = open_dataset(path, writing=True)
    if watch:
        with chosen_executor(workers, dask) as executor:

            def look_again(look: Look) -> str:
                with noted_images(dataset, "events", whole=look.is_whole) as noted:
                    report = detect_dataset(
                        dataset,
                        read_params(params_file) if params_file else None,
                        changes=parse_changes(assignments),
                        image_ids=noted,
                        workers=workers,
                        executor=executor,
                        on_error="record",
                    )
                for event in report.kept:
                    warn(str(event), kind="kept")
                failed = warn_of_failures(report.failures, dataset)
                return report.summary if report.detected or failed else ""

            keep_on(dataset, look_again, every=every, poll=poll)
        return
    with chosen_executor(workers, dask) as executor, update_bar("events") as progress:
        report = detect_dataset(
            dataset,
            read_params(params_file) if params_file else None,
            changes=parse_changes(assignments),
            image_ids=picked_images(dataset, images, where),
            mode=mode,
            workers=workers,
            executor=executor,
            progress=progress,
            on_error="record",
        )
    tell_report(report)
    if report.external:
        remark(
            f"{counted(report.external, 'event')} had been changed by another "
            f"program; `kymflow review log {path}` lists what it did as decisions of external"
        )
    for event in report.kept:
        warn(str(event), kind="kept")
    if warn_of_failures(report.failures, dataset):
        ctx.exit(FAILED)
    if report.detected:
        suggest(f"kymflow index {quote(str(path))}")
