"""``kymflow review sample``, ``queues`` and ``unblind``: events drawn at random, judged blind."""

from __future__ import annotations

from pathlib import Path

import click

from kymflow.cli.deciding import reviewer_option
from kymflow.cli.errors import remark
from kymflow.cli.options import dataset_argument, open_dataset
from kymflow.cli.output import Output, output_options
from kymflow.core.wording import counted


@click.command("sample")
@dataset_argument
@click.option(
    "--per",
    metavar="COLUMN N",
    nargs=2,
    type=(str, click.IntRange(min=1)),
    help="N events of each group; a column of kym_images or of the events.",
)
@click.option("--size", metavar="N", type=click.IntRange(min=1), help="N events of all.")
@click.option("--seed", metavar="N", type=int, default=0, show_default=True, help="Of the draw.")
@click.option("--where", metavar="SQL", help="Draw from these; else from the events that count.")
@click.option("--save", "name", metavar="NAME", help="Keep the sample as a queue of this name.")
@reviewer_option
@output_options
def sample(
    path: Path,
    per: tuple[str, int] | None,
    size: int | None,
    seed: int,
    where: str | None,
    name: str | None,
    reviewer: str | None,
    output: Output,
) -> None:
    """Draw events at random, to be judged blind.

    Whoever judges by the queue (--queue NAME) is shown aliases instead of images, files, dates and
    conditions. The same seed draws the same events. Without --save the sample is only counted.
    """
    from kymflow.core.review.queue import COUNTED, draw, save_queue
    from kymflow.core.review.reviewer import reviewer_name

    if (per is None) == (size is None):
        raise click.UsageError("give either --per COLUMN N or --size N")
    dataset = open_dataset(path, writing=name is not None)
    queue = draw(
        dataset,
        name or "sample",
        per=None if per is None else per[0],
        size=size if per is None else per[1],  # type: ignore[arg-type]
        seed=seed,
        where=where or COUNTED,
        reviewer=reviewer_name(reviewer),
    )
    counts = queue.frame().group_by("group").len("n_events").sort("group", nulls_last=True)
    output.print(counts)
    if name is not None:
        save_queue(dataset, queue)
        remark(
            f"{counted(len(queue.items), 'event')} of {counted(len(queue.images), 'image')}; "
            f"`kymflow review list {path} --queue {name}` shows them"
        )


@click.command("queues")
@dataset_argument
@output_options
def queues(path: Path, output: Output) -> None:
    """List the queues."""
    import polars as pl

    from kymflow.core.review.queue import load_queue, queue_names

    dataset = open_dataset(path)
    found = [load_queue(dataset, name) for name in queue_names(dataset)]
    rows = [
        (each.name, len(each.items), len(each.images), each.per, each.size, each.seed,
         each.drawn_by, each.drawn_at)
        for each in found
    ]  # fmt: skip
    schema = {
        "queue": pl.String(), "n_events": pl.Int64(), "n_images": pl.Int64(), "per": pl.String(),
        "size": pl.Int64(), "seed": pl.Int64(), "drawn_by": pl.String(),
        "drawn_at": pl.Datetime("us", "UTC"),
    }  # fmt: skip
    output.print(pl.DataFrame(rows, schema, orient="row"))


@click.command("unblind")
@dataset_argument
@click.argument("queue", metavar="NAME", help="The queue.")
@reviewer_option
@output_options
def unblind(path: Path, queue: str, reviewer: str | None, output: Output) -> None:
    """Tell which images a queue's aliases stand for.

    That you were told is written to the journal, for good.
    """
    from kymflow.core.review.blind import BlindReviews

    output.print(BlindReviews(open_dataset(path, writing=True), queue, reviewer=reviewer).unblind())
