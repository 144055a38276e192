"""``kymflow images``."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

import click

from kymflow.cli import completing
from kymflow.cli.options import (
    chosen_images,
    dataset_argument,
    images_argument,
    open_dataset,
    picked_images,
    where_images_option,
)
from kymflow.cli.output import Output, output_options
from kymflow.cli.results import suggest, tell
from kymflow.core.wording import counted

_SCHEMA = ("image_id", "path")


@click.group("images")
def command() -> None:
    """List images; delete some, and restore them.

    A deleted image is moved to the dataset's trash, with all that was measured and decided. No
    import brings it back, though its file is still in the lab folder.
    """


@command.command("list")
@dataset_argument
@where_images_option
@click.option("--trash", is_flag=True, help="Those that were deleted instead.")
@output_options
def list_images(path: Path, where: str | None, trash: bool, output: Output) -> None:
    """List images with the files that they came from."""
    import polars as pl

    from kymflow.core.artifacts.image_names import source_path, trashed_paths

    if trash and where:
        raise click.UsageError(
            "--where is about images that are in the tables, so not in the trash"
        )
    dataset = open_dataset(path)
    if trash:
        paths = trashed_paths(dataset)
    else:
        ids = chosen_images(dataset, (), where)
        paths = {image_id: source_path(dataset, image_id) for image_id in ids}
    frame = pl.DataFrame([*paths.items()], dict.fromkeys(_SCHEMA, pl.String), orient="row")
    output.print(frame.sort("path", "image_id", nulls_last=True))


@command.command("delete")
@dataset_argument
@images_argument("The images, by id or file.")
@where_images_option
@click.option("--dry-run", is_flag=True, help="Say what would be deleted, and delete nothing.")
def delete(path: Path, images: tuple[str, ...], where: str | None, dry_run: bool) -> None:
    """Move images to the trash; `restore` puts them back.

    Their rows leave the tables with the next `kymflow index`. To free the disk, delete the folder
    `trash` in the dataset: an import then brings back what is still in the lab folder.
    """
    from kymflow.core.artifacts.image_names import source_path

    if not images and where is None:
        raise click.UsageError("name images, or give --where")
    dataset = open_dataset(path, writing=not dry_run)
    chosen = picked_images(dataset, images, where) or []
    for image_id in chosen:
        dataset.record(image_id).check_exists()
    for image_id in chosen:
        file = source_path(dataset, image_id)
        if not dry_run:
            dataset.trash_image(image_id)
        click.echo(f"{image_id} ({file or 'no file'}): {'would be ' if dry_run else ''}deleted")
    would = "would be " if dry_run else ""
    tell(
        f"images {'would delete' if dry_run else 'deleted'}={len(chosen)}",
        f"{counted(len(chosen), 'image')} {would}deleted",
    )
    if chosen and not dry_run:
        suggest(f"kymflow index {quote(str(path))}; `kymflow images restore` puts them back")


@command.command("restore")
@dataset_argument
@images_argument("The images, by id or file.", completing.trashed)
@click.option("--all", "everything", is_flag=True, help="All that the trash holds.")
def restore(path: Path, images: tuple[str, ...], everything: bool) -> None:
    """Put deleted images back, with all that was measured and decided."""
    from kymflow.core.artifacts.image_names import find_trashed

    if everything == bool(images):
        raise click.UsageError("name images, or give --all")
    dataset = open_dataset(path, writing=True)
    if everything:
        chosen = dataset.list_trashed_ids()
    else:
        chosen = list(dict.fromkeys(find_trashed(dataset, each) for each in images))
    for image_id in chosen:
        dataset.restore_image(image_id)
        click.echo(f"{image_id}: restored")
    tell(f"images restored={len(chosen)}", f"{counted(len(chosen), 'image')} restored")
    if chosen:
        suggest(f"kymflow index {quote(str(path))}")
