"""``kymflow show``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.options import dataset_argument, image_argument, open_dataset
from kymflow.core.plots.style import ENDINGS, WIDTH


@click.command("show")
@dataset_argument
@image_argument
@click.option("--roi", metavar="N", type=int, multiple=True, help="Only this ROI: repeat for more.")
@click.option("--start", metavar="S", type=float, help="From this time on, s.")
@click.option("--end", metavar="S", type=float, help="Up to this time, s.")
@click.option(
    "--width",
    metavar="PX",
    type=click.IntRange(min=100),
    default=WIDTH,
    show_default=True,
    help="Without axes.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"The picture, {', '.join(ENDINGS)}.",
)
def command(
    path: Path,
    image_id: str,
    roi: tuple[int, ...],
    start: float | None,
    end: float | None,
    width: int,
    target: Path,
) -> None:
    """Draw an image: kymograph, traces, events.

    They share one time axis. A long kymograph is shrunk by means; --start and --end bring out the
    single cells, and segments of the slopes that were measured.
    """
    from kymflow.core.plots import draw_image, save
    from kymflow.core.plots.saving import check_ending

    check_ending(target)
    record = open_dataset(path).record(image_id)
    save(draw_image(record, rois=roi, start=start, end=end, width=width), target)
