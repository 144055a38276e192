"""What the commands share: the dataset they open, the indexers they name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from kymflow.cli import completing
from kymflow.cli.errors import remark, warn

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.kym_dataset import Indexer, KymDataset
    from kymflow_zarr import ZarrDataset, ZarrImageRecord


Command = Callable[..., None]


class FolderPath(click.Path):
    """A folder's path. An empty one is refused: elsewhere it stands for the working directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path that a text stands for."""
        if value == "":
            self.fail("the path is empty; '.' stands for this folder", param, ctx)
        return super().convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Have the shell offer folders, no files."""
        return [CompletionItem(incomplete, type="dir")]


class Finite(click.FloatRange):
    """A number that is neither NaN nor infinite, perhaps within a range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number that a text stands for."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return number


class _Moment(click.ParamType[Any]):
    """A version's number, or a time as ISO 8601 has it."""

    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number or the time that a text stands for."""
        if not isinstance(value, str):
            return value
        if value.isdecimal():
            return int(value)
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is neither a version nor a time such as 2026-03-01 or 2026-03-01T14:30",
                param,
                ctx,
            )


MOMENT = _Moment()
dataset_argument = click.argument(
    "path", metavar="DATASET", type=FolderPath(), help="The dataset, a .zarr folder."
)
indexers_argument = click.argument(
    "indexers",
    metavar="[INDEXER]...",
    nargs=-1,
    shell_complete=completing.indexers,
    help="By name, or a class of your own file as FILE.py:CLASS; all registered ones by default.",
)

IMAGE = "The image: its id, the beginning of it, or its file's name."
image_argument = click.argument(
    "image", metavar="IMAGE", shell_complete=completing.images, help=IMAGE
)


def images_argument(
    text: str, complete: completing.Completer = completing.images
) -> Callable[[Command], Command]:
    """Return the argument that names any number of images.

    Args:
        text: Which images, for ``--help``.
        complete: Offers them.
    """
    return click.argument(
        "images", nargs=-1, metavar="[IMAGE]...", shell_complete=complete, help=text
    )


where_images_option = click.option(
    "--where", metavar="SQL", help="Only images that match this condition on kym_images."
)


def image_options(command: Command) -> Command:
    """Give a command the options that pick images, see :func:`picked_images`."""
    images = click.option(
        "--images",
        metavar="IMAGE,...",
        multiple=True,
        shell_complete=completing.images,
        help="Only these, by id or file: repeat the option, or use commas.",
    )
    return images(where_images_option(command))


def param_option(page: str, complete: completing.Completer) -> Callable[[Command], Command]:
    """Return the option that changes params, see :func:`kymflow.cli.changes.parse_changes`.

    Args:
        page: Where the params are explained.
        complete: Offers them.
    """
    return click.option(
        "-p",
        "--param",
        "assignments",
        metavar="KEY=VALUE",
        multiple=True,
        shell_complete=complete,
        help=f"Change one param: repeat for more. See {page}.",
    )


def mode_option(text: str) -> Callable[[Command], Command]:
    """Return the option that says whether to do what is due, or all again.

    Args:
        text: What the modes do, for ``--help``.
    """
    return click.option(
        "--mode",
        type=click.Choice(["incremental", "replace"]),
        default="incremental",
        show_default=True,
        help=text,
    )


def target_option(text: str) -> Callable[[Command], Command]:
    """Return the option that names the file to write.

    Args:
        text: What it is, for ``--help``.
    """
    return click.option(
        "-o",
        "--output",
        "target",
        metavar="FILE",
        required=True,
        type=click.Path(path_type=Path, dir_okay=False),
        help=text,
    )


def scale_options(command: Command) -> Command:
    """Give a command the options that tell a scale which an image's files don't."""
    seconds = click.option(
        "--seconds-per-line",
        type=float,
        metavar="S",
        help="Time between lines, s, of images whose files don't tell it.",
    )
    um = click.option(
        "--um-per-pixel",
        type=float,
        metavar="UM",
        help="Distance between pixels, µm, of images whose files don't tell it.",
    )
    return seconds(um(command))


def worker_options(command: Command) -> Command:
    """Give a command the options that say where it runs, see :func:`chosen_executor`."""
    workers = click.option(
        "--workers",
        metavar="N",
        type=click.IntRange(min=1, max=10_000),
        help="Work in N processes; pays where an image costs milliseconds.",
    )
    dask = click.option(
        "--dask",
        metavar="ADDRESS",
        help="Work on the Dask cluster of this scheduler (tcp://host:8786), or on one made for "
        "this machine (local). See docs/scale.md.",
    )
    return workers(dask(command))


@contextmanager
def chosen_executor(workers: int | None, dask: str | None) -> Iterator[Executor | None]:
    """Yield the executor that a command is to run on; None where that is for ``workers`` to say.

    Raises:
        click.UsageError: If both are given.
    """
    if dask is None:
        yield None
        return
    if workers is not None:
        raise click.UsageError("give --workers or --dask, not both")
    from kymflow.core.workers.dask import dask_executor

    with dask_executor(dask) as executor:
        yield executor


def picked_images(
    dataset: ZarrDataset, images: tuple[str, ...], where: str | None
) -> list[str] | None:
    """Return the ids of the images that a command is to touch; None for all.

    Raises:
        QueryError: If the condition can't be answered.
    """
    from kymflow.core.queries.images import select_images

    named = {_found(dataset, name) for group in images for name in group.split(",") if name}
    if where is None:
        return sorted(named) or None
    picked = select_images(dataset, where)
    return [image_id for image_id in picked if not named or image_id in named]


def chosen_images(dataset: ZarrDataset, images: tuple[str, ...], where: str | None) -> list[str]:
    """Return the ids of the images that a command is about, all where none are picked."""
    picked = picked_images(dataset, images, where)
    return dataset.list_image_ids() if picked is None else picked


def _found(dataset: ZarrDataset, name: str) -> str:
    """Find an image; a name of none may be that of a deleted one, of which a table has rows."""
    from kymflow_zarr.errors import ImageNotFoundError

    try:
        return found_image(dataset, name)
    except ImageNotFoundError:
        return name


def found_image(dataset: ZarrDataset, text: str) -> str:
    """Find an image by whatever names it; say which one if that was the beginning of its id."""
    from kymflow.core.artifacts.image_names import find_image, source_path

    image_id = find_image(dataset, text)
    if image_id != text and image_id.startswith(text):
        remark(f"{text}: {image_id} ({source_path(dataset, image_id) or 'no file'})")
    return image_id


def record_of(dataset: ZarrDataset, image: str) -> ZarrImageRecord:
    """Return an image by whatever names it, see :func:`find_image`."""
    return dataset.record(found_image(dataset, image))


def open_dataset(path: Path, *, writing: bool = False) -> ZarrDataset:
    """Open a dataset that is there.

    Raises:
        DatasetNotFoundError: If it is not.
    """
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.errors import DatasetNotFoundError

    if not path.exists():
        raise DatasetNotFoundError(
            f"there is no such dataset; make one with `kymflow import FOLDER DATASET`"
            f"{_meant(path)}",
            dataset=str(path),
        )
    opened = ZarrDataset(path, mode="r")  # "a" would make one of an empty folder
    return ZarrDataset(path, mode="a") if writing else opened


def _meant(path: Path) -> str:
    from kymflow_zarr.sql.hints import did_you_mean, near

    beside = [each.name for each in path.parent.glob("*.zarr")]
    meant = did_you_mean(near(path.name, beside))
    return f".{meant}" if meant else ""


def open_tables(path: Path, *, writing: bool = False) -> KymDataset:
    """Open the tables of a dataset that is there.

    Raises:
        DatasetNotFoundError: If it is not.
    """
    from kymflow.core.kym_dataset import KymDataset

    return KymDataset(open_dataset(path, writing=writing))


def load_indexers(names: tuple[str, ...]) -> list[Indexer]:
    """Return the indexers of these names, all registered ones if there are none.

    Raises:
        InvalidIndexerError: If there is none of a name, or it can't be loaded.
    """
    from kymflow.core.kym_dataset import available_indexers, load_indexer

    return [load_indexer(name) for name in names or available_indexers()]


def tell_of_older_traces(image_ids: Sequence[str]) -> None:
    """Say that rows are made of events whose trace is gone, and what to do about it."""
    if image_ids:
        one = len(image_ids) == 1
        warn(
            f"{len(image_ids):,} {'image has' if one else 'images have'} events made of an older "
            f"trace ({', '.join(image_ids[:3])}{', …' if len(image_ids) > 3 else ''}), and rows of "
            f"them: run `kymflow detect`, and `kymflow index` again",
            kind="note",
        )
