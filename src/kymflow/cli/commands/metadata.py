"""``kymflow metadata``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

from kymflow.cli import completing
from kymflow.cli.errors import FAILED, warn_of_failures
from kymflow.cli.fields import tell_unlike
from kymflow.cli.options import (
    chosen_images,
    dataset_argument,
    images_argument,
    open_dataset,
    where_images_option,
)
from kymflow.cli.output import Output, output_options
from kymflow.cli.results import suggest, tell
from kymflow.core.wording import counted

if TYPE_CHECKING:
    from kymflow.core.artifacts.metadata import Changes


@click.group("metadata")
def command() -> None:
    """Show and set images' scale and experiment fields.

    seconds_per_line and um_per_pixel are the scale; every other key is a field of the experiment,
    such as condition, treatment or date. An image whose metadata changed is due in kym_images; one
    whose scale changed, for a new measurement too.
    """


@command.command("get")
@dataset_argument
@images_argument("The images; all by default.")
@where_images_option
@output_options
def get_command(path: Path, images: tuple[str, ...], where: str | None, output: Output) -> None:
    """Show the scale and the experiment's fields of images."""
    import polars as pl

    from kymflow.core.artifacts.metadata import get_fields

    dataset = open_dataset(path)
    rows = [
        (image_id, key, value)
        for image_id in chosen_images(dataset, images, where)
        for key, value in get_fields(dataset.record(image_id)).items()
    ]
    schema = {"image_id": pl.String, "key": pl.String, "value": pl.String}
    output.print(pl.DataFrame(rows, schema, orient="row"))


@command.command("set")
@dataset_argument
@click.argument(
    "assignments",
    nargs=-1,
    required=True,
    metavar="[IMAGE]... KEY=VALUE...",
    shell_complete=completing.images_or_fields,
    help="The images, then what to set; an empty value removes the key.",
)
@where_images_option
@click.option("--all", "everywhere", is_flag=True, help="Set it in every image.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def set_command(
    path: Path, assignments: tuple[str, ...], where: str | None, everywhere: bool, dry_run: bool
) -> None:
    """Set the scale or fields of the experiment."""
    from kymflow.core.artifacts.metadata import set_fields
    from kymflow.core.review.reviewer import reviewer_name

    images = tuple(each for each in assignments if "=" not in each)
    values = dict(each.split("=", 1) for each in assignments if "=" in each)
    if not values:
        raise click.UsageError("give at least one KEY=VALUE")
    _check_named(images, where, everywhere)
    dataset = open_dataset(path, writing=not dry_run)
    changed, by = 0, reviewer_name()
    for image_id in chosen_images(dataset, images, where):
        changes = set_fields(dataset.record(image_id), values, by=by, dry_run=dry_run)
        changed += bool(changes)
        _tell(image_id, changes)
    _tell_count(path, changed, dry_run)


@command.command("unset")
@dataset_argument
@images_argument("The images.")
@click.option("--key", "keys", metavar="KEY", multiple=True, help="Only this key: repeat for more.")
@where_images_option
@click.option("--all", "everywhere", is_flag=True, help="In every image.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def unset_command(
    path: Path,
    images: tuple[str, ...],
    keys: tuple[str, ...],
    where: str | None,
    everywhere: bool,
    dry_run: bool,
) -> None:
    """Take back what `set` set: what the files say stands again."""
    from kymflow.core.lab_folder.by_hand import unset
    from kymflow.core.review.reviewer import reviewer_name

    _check_named(images, where, everywhere)
    dataset = open_dataset(path, writing=not dry_run)
    changed, by = 0, reviewer_name()
    for image_id in chosen_images(dataset, images, where):
        changes = unset(dataset.record(image_id), keys or None, by=by, dry_run=dry_run)
        changed += bool(changes)
        _tell(image_id, changes)
    _tell_count(path, changed, dry_run)


@command.command("diff")
@dataset_argument
@images_argument("The images; all by default.")
@where_images_option
@output_options
def diff_command(path: Path, images: tuple[str, ...], where: str | None, output: Output) -> None:
    """List where metadata differ from what the images' files say."""
    import polars as pl

    from kymflow.core.lab_folder.by_hand import differences

    dataset = open_dataset(path)
    rows = [
        (image_id, key, of_file, now)
        for image_id in chosen_images(dataset, images, where)
        for key, (of_file, now) in differences(dataset.record(image_id)).items()
    ]
    schema = dict.fromkeys(("image_id", "key", "of_file", "now"), pl.String)
    output.print(pl.DataFrame(rows, schema, orient="row"))


@command.command("history")
@dataset_argument
@images_argument("The images; all by default.")
@where_images_option
@output_options
def history_command(path: Path, images: tuple[str, ...], where: str | None, output: Output) -> None:
    """List what people changed in metadata: when, who, from what to what."""
    import polars as pl

    from kymflow.core.artifacts.metadata_history import load_history

    dataset = open_dataset(path)
    rows = []
    for image_id in chosen_images(dataset, images, where):
        entries = load_history(dataset.record(image_id))
        undone = {each.undoes for each in entries}
        for number, entry in enumerate(entries):
            state = "undone" if number in undone else "" if entry.undoes is None else "undo"
            for key, (before, after) in entry.texts.items():
                rows.append((image_id, entry.at, entry.by, key, before, after, state))
    names = ("image_id", "at", "by", "key", "before", "after", "state")
    listed = pl.DataFrame(rows, dict.fromkeys(names, pl.String), orient="row")
    output.print(listed.with_columns(pl.col("at").str.to_datetime("%Y-%m-%dT%H:%M:%S%z")))


@command.command("undo")
@dataset_argument
@images_argument("The images.")
@where_images_option
@click.option("--all", "everywhere", is_flag=True, help="In every image.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
def undo_command(
    path: Path, images: tuple[str, ...], where: str | None, everywhere: bool, dry_run: bool
) -> None:
    """Take back the last change of each image's metadata; again, the one before.

    An image without any is passed over.
    """
    from kymflow.core.artifacts.metadata import undo_fields
    from kymflow.core.review.reviewer import reviewer_name

    _check_named(images, where, everywhere)
    dataset = open_dataset(path, writing=not dry_run)
    changed, by = 0, reviewer_name()
    for image_id in chosen_images(dataset, images, where):
        changes = undo_fields(dataset.record(image_id), by=by, dry_run=dry_run)
        if changes is not None:
            changed += 1
            _tell(image_id, changes)
    _tell_count(path, changed, dry_run)


@command.command("from-path")
@dataset_argument
@click.argument("rule", metavar="RULE", help="Such as '{condition}/{date}/{name}'.")
@where_images_option
@click.option("--replace", is_flag=True, help="Replace values that are there.")
@click.option("--dry-run", is_flag=True, help="Say what would change, and change nothing.")
@click.pass_context
def from_path_command(
    ctx: click.Context, path: Path, rule: str, where: str | None, replace: bool, dry_run: bool
) -> None:
    """Set fields of the experiment by the names of folders and files.

    RULE fits the end of a file's path in the lab folder, without its ending: each {field} stands
    for a name or a part of one, * for any; {name} and {_} set nothing.
    """
    from kymflow.core.lab_folder.path_fields import PathFields, set_path_fields
    from kymflow.core.review.reviewer import reviewer_name

    fields = PathFields(rule)
    dataset = open_dataset(path, writing=not dry_run)
    image_ids = chosen_images(dataset, (), where)
    report = set_path_fields(
        dataset, fields, image_ids, replace=replace, by=reviewer_name(), dry_run=dry_run
    )
    for image_id, changes in report.changes.items():
        _tell(image_id, changes)
    _tell_count(path, len(report.changes), dry_run)
    tell_unlike(report.unlike, rule)
    if warn_of_failures(report.failures, dataset) or report.unlike:
        ctx.exit(FAILED)


def _tell(image_id: str, changes: Changes) -> None:
    for key, (before, after) in changes.items():
        click.echo(f"{image_id}: {key}: {before or '—'} → {after or '—'}")


def _tell_count(path: Path, changed: int, dry_run: bool) -> None:
    images = counted(changed, "image")
    tell(
        f"metadata {'would change' if dry_run else 'changed'}={changed}",
        f"metadata of {images} {'would change' if dry_run else 'changed'}",
    )
    if changed and not dry_run:
        suggest(f"kymflow index {quote(str(path))}")


def _check_named(images: tuple[str, ...], where: str | None, everywhere: bool) -> None:
    """Refuse to touch all images where that was not said."""
    if not images and where is None and not everywhere:
        raise click.UsageError("name images, or give --where or --all")
