"""``kymflow import``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from kymflow.cli.errors import FAILED, warn
from kymflow.cli.fields import check_fields, fields_option, set_fields_of_new
from kymflow.cli.options import (
    FolderPath,
    chosen_executor,
    dataset_argument,
    scale_options,
    worker_options,
)
from kymflow.cli.results import suggest, tell_report

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kymflow.core.lab_folder import ImportReport

_LISTED = 200


@click.command("import")
@click.argument("folder", type=FolderPath(), help="The lab folder.")
@dataset_argument
@click.option(
    "--changed",
    is_flag=True,
    help="Merge what changed in the folder with what was done in the dataset since. What both "
    "changed stays as it is in the dataset, is listed, and ends with exit code 1.",
)
@click.option(
    "--copies",
    is_flag=True,
    help="Import a TIFF that holds the pixels of another as an image of its own.",
)
@click.option("--follow-links", is_flag=True, help="Search linked folders too.")
@fields_option
@scale_options
@worker_options
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    path: Path,
    changed: bool,
    copies: bool,
    follow_links: bool,
    fields: str | None,
    seconds_per_line: float | None,
    um_per_pixel: float | None,
    workers: int | None,
    dask: str | None,
) -> None:
    """Import a lab folder: TIFFs, headers, traces, events.

    What is already there is skipped, also where a TIFF or its folder was renamed: images are
    recognised by their content. A broken file is listed and does not stop the rest. What files
    leave open or contradict, such as the scale, is said, and kept in import_notes of kym_images.
    """
    from kymflow.cli.progress import import_bar
    from kymflow.core.lab_folder import import_folder

    check_fields(fields)
    with chosen_executor(workers, dask) as executor, import_bar() as progress:
        report = import_folder(
            folder,
            path,
            changed=changed,
            copies=copies,
            follow_links=follow_links,
            workers=workers,
            executor=executor,
            seconds_per_line=seconds_per_line,
            um_per_pixel=um_per_pixel,
            progress=progress,
        )
    tell_report(report)
    _warn(report)
    failed = set_fields_of_new(path, report, fields)
    if failed or report.failed or report.conflicts:
        ctx.exit(FAILED)
    if report.added or report.updated:
        suggest(f"kymflow velocity {quote(str(path))}")


def _warn(report: ImportReport) -> None:
    """Say on standard error what a person has to know."""
    from kymflow.core.lab_folder.discover import named_links

    if report.links:
        it = "it" if len(report.links) == 1 else "them"
        warn(f"passed over {named_links(report.links)}; --follow-links searches {it}")
    if len(report.changed) == 1:
        warn(f"1 image differs from its files ({report.changed[0]}): --changed merges it")
    elif report.changed:
        warn(
            f"{len(report.changed)} images differ from their files ({report.changed[0]}, …): "
            f"--changed merges them"
        )
    _list("moved", (f"{each.path} was {each.was or each.image_id}" for each in report.moved))
    _list(
        "deleted",
        (
            f"{path} was deleted here and stays so; `kymflow images restore` puts it back"
            for path in report.trashed
        ),
    )
    _list(
        "copy",
        (
            f"{each.path} holds the pixels of {each.of}: left out; --copies imports it"
            for each in report.copies
        ),
    )
    _list(
        "reacquired",
        (
            f"{path}: its pixels were replaced; what people said of the old ones is kept"
            for path, _ in report.reacquired
        ),
    )
    _list("conflict", map(str, report.conflicts))
    _list_notes(report.warnings)
    _list("failed", (f"{source}: {message}" for source, message in report.failed))


def _list(kind: str, lines: Iterable[str]) -> None:
    """Print a line for each, up to some, and how many more there are."""
    listed = list(lines)
    for line in listed[:_LISTED]:
        warn(line, kind=kind)
    if len(listed) > _LISTED:
        warn(f"… and {len(listed) - _LISTED} more, which Python's import_folder reports", kind=kind)


def _list_notes(notes: list[tuple[str, str]]) -> None:
    """Print each note once, however many images it is about."""
    about: dict[str, list[str]] = {}
    for source, message in notes:
        about.setdefault(message, []).append(source)
    lines = []
    for message, sources in about.items():
        others = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
        lines.append(f"{sources[0]}{others}: {message}")
    _list("warning", lines)
