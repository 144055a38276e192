"""``kymflow plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import click

from kymflow.cli.options import dataset_argument, open_tables, target_option
from kymflow.cli.question import Question, question_options
from kymflow.core.plots.style import ENDINGS, KINDS


class Look(TypedDict):
    """How a plot looks but for its kind: the options of these names."""

    x: str | None
    y: str | None
    color: str | None
    title: str | None
    width: int | None
    height: int | None


@click.command("plot")
@dataset_argument
@question_options
@click.option(
    "--kind",
    metavar="KIND",
    type=click.Choice(KINDS),
    help=f"One of {', '.join(KINDS)}; line, or what a named query declares.",
)
@click.option("--x", metavar="COLUMN", help="The column on the x axis; of bars, their names.")
@click.option("--y", metavar="COLUMN", help="The column on the y axis.")
@click.option("--color", metavar="COLUMN", help="Colour by this column.")
@click.option("--title", metavar="TEXT", help="The title.")
@click.option(
    "--width",
    metavar="PX",
    type=click.IntRange(min=50, max=8_000),
    help="Width without axes and legend, px.",
)
@click.option(
    "--height",
    metavar="PX",
    type=click.IntRange(min=50, max=8_000),
    help="Height without axes and legend, px.",
)
@target_option(
    f"The picture, {', '.join(ENDINGS)}; HTML has tooltips and zoom, and needs no network."
)
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    question: Question | None,
    kind: str | None,
    x: str | None,
    y: str | None,
    color: str | None,
    title: str | None,
    width: int | None,
    height: int | None,
    target: Path,
) -> None:
    """Draw the answer of a query: line, bar, hist, scatter, box.

    A named query declares its kind, axes and units (--query NAME needs nothing else); options go
    before. Of other queries, columns not named are guessed: times and measures for the axes, texts
    for bars and colours. What is left out or summed up stands under the title.
    """
    from kymflow.core.plots import plot, plot_query, save
    from kymflow.core.plots.saving import check_ending

    if question is None:
        raise click.UsageError("give a QUERY, --file or --query", ctx)
    check_ending(target)
    kym = open_tables(path)
    look = Look(x=x, y=y, color=color, title=title, width=width, height=height)
    if question.named:
        chart = plot_query(
            kym,
            question.text,
            question.params,
            kind=kind,
            timeout=question.timeout,
            at=question.at,
            **look,
        )
    else:
        chart = plot(question.frame(kym), kind or "line", **look)
    save(chart, target)
