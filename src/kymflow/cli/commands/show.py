"""``kymflow show``."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.options import (
    Finite,
    dataset_argument,
    image_argument,
    open_dataset,
    record_of,
    target_option,
)
from kymflow.core.plots.style import ENDINGS, WIDTH


@click.command("show")
@dataset_argument
@image_argument
@click.option("--roi", metavar="N", type=int, multiple=True, help="Only this ROI: repeat for more.")
@click.option("--start", metavar="S", type=Finite(), help="From this time on, s.")
@click.option("--end", metavar="S", type=Finite(), help="Up to this time, s.")
@click.option(
    "--width",
    metavar="PX",
    type=click.IntRange(min=100, max=8_000),
    default=WIDTH,
    show_default=True,
    help="Width without axes, px.",
)
@click.option("--queue", metavar="NAME", help="Blind: the image is an alias of this queue.")
@target_option(f"The picture, {', '.join(ENDINGS)}.")
def command(
    path: Path,
    image: str,
    roi: tuple[int, ...],
    start: float | None,
    end: float | None,
    width: int,
    queue: str | None,
    target: Path,
) -> None:
    """Draw an image: kymograph, traces, events.

    They share one time axis. A long kymograph is shrunk by means; --start and --end bring out the
    single cells, and segments of the slopes that were measured.
    """
    from kymflow.core.plots import draw_image, save
    from kymflow.core.plots.saving import check_ending

    check_ending(target)
    dataset = open_dataset(path)
    if queue is None:
        record, title = record_of(dataset, image), None
    else:
        from kymflow.core.review.blind import BlindReviews

        record, title = BlindReviews(dataset, queue).record(image), image
    save(draw_image(record, rois=roi, start=start, end=end, width=width, title=title), target)
