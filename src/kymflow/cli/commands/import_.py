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
@click.option(
    "--seconds-per-line",
    type=float,
    metavar="S",
    help="Time between lines, s, of images whose files don't tell it.",
)
@click.option(
    "--um-per-pixel",
    type=float,
    metavar="UM",
    help="Distance between pixels, µm, of images whose files don't tell it.",
)
@worker_options
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    path: Path,
    changed: bool,
    seconds_per_line: float | None,
    um_per_pixel: float | None,
    workers: int | None,
    dask: str | None,
) -> None:
    """Import a lab folder: TIFFs, headers, traces, events.

    What is already there is skipped. A broken file is listed and does not stop the rest. What
    files leave open or contradict, such as the scale, is said, and kept in import_notes of
    kym_images.
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
            seconds_per_line=seconds_per_line,
            um_per_pixel=um_per_pixel,
            progress=progress,
        )
    click.echo(
        f"import added={len(report.added)} updated={len(report.updated)} "
        f"skipped={len(report.skipped)} changed={len(report.changed)} failed={len(report.failed)}"
    )
    if report.changed and not changed:
        warn(f"{len(report.changed)} images differ from their source; --changed imports them again")
    _list_warnings(report.warnings)
    for source, message in report.failed:
        warn(f"{source}: {message}", kind="failed")
    if report.failed:
        ctx.exit(FAILED)


def _list_warnings(warnings: list[tuple[str, str]]) -> None:
    """Print each warning once, however many images it is about."""
    about: dict[str, list[str]] = {}
    for source, message in warnings:
        about.setdefault(message, []).append(source)
    for message, sources in about.items():
        others = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        warn(f"{sources[0]}{others}: {message}")
