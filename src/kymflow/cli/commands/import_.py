"""``kymflow import``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.errors import FAILED, warn
from kymflow.cli.options import FolderPath, chosen_executor, dataset_argument, worker_options


@click.command("import")
@click.argument("folder", type=FolderPath(), help="The lab folder.")
@dataset_argument
@click.option("--changed", is_flag=True, help="Import again what differs from its source.")
@worker_options
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    path: Path,
    changed: bool,
    workers: int | None,
    dask: str | None,
) -> None:
    """Import a lab folder: TIFFs, headers, traces, events.

    What is already there is skipped. A broken file is listed and does not stop the rest.
    """
    from kymflow.cli.progress import import_bar
    from kymflow.core.lab_folder import import_folder
    from kymflow.core.lab_folder.discover import check_lab_folder
    from kymflow_zarr import ZarrDataset

    check_lab_folder(folder)
    with chosen_executor(workers, dask) as executor, import_bar() as progress:
        report = import_folder(
            folder,
            ZarrDataset(path, mode="a"),
            changed=changed,
            workers=workers,
            executor=executor,
            progress=progress,
        )
    click.echo(
        f"import added={len(report.added)} updated={len(report.updated)} "
        f"skipped={len(report.skipped)} changed={len(report.changed)} failed={len(report.failed)}"
    )
    if report.changed and not changed:
        warn(f"{len(report.changed)} images differ from their source; --changed imports them again")
    for source, message in report.failed:
        warn(f"{source}: {message}", kind="failed")
    if report.failed:
        ctx.exit(FAILED)
