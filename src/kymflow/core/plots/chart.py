"""One function from a frame to a chart."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.extras import needs_extra
from kymflow.core.plots.columns import choose
from kymflow.core.plots.style import FAINT, KINDS, check_size, config
from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import altair as alt


class PlotNote(UserWarning):
    """What a plot does not show, or shows in sum; it also stands under the plot's title."""


def plot(
    frame: pl.DataFrame,
    kind: str = "line",
    *,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
    title: str | None = None,
    width: int | None = None,
    height: int | None = None,
    labels: Mapping[str, str] | None = None,
    numbered: bool = False,
) -> alt.Chart | alt.LayerChart:
    """Return a chart of a frame.

    Columns not named are guessed: times and measures for axes, texts for colours. Units stand
    in the labels where the columns' names tell them. What is drawn is at most about 5,000 points: a
    line keeps the extremes of each stretch, a scatter plot one of the points that cover each
    other, a histogram, bars and boxes are summed up before.

    Args:
        frame: The data, e.g. the answer of ``KymDataset.sql``.
        kind: ``line``, ``bar``, ``hist``, ``scatter`` or ``box``.
        x: The column on the x axis; of bars and boxes, the one that tells them apart.
        y: The column on the y axis; of bars the length (their mean where there are several).
        color: The column that colours stand for.
        title: The plot's title.
        width: Of the plot without axes and legend, px; by default what fits the kind.
        height: As the width.
        labels: What stands at the axes for some columns, in place of their names and units.
        numbered: Whether the description of each point of a scatter plot, in SVG its
            ``aria-label``, is the number of its row, from 0.

    Returns:
        The chart, ready for :func:`kymflow.core.plots.save` or a notebook.

    Raises:
        UsageError: If a column is not there or does not fit, there are no rows or none with a
            value to draw, or the size can't be drawn.
        MissingExtraError: If Altair is not installed.

    Warns:
        PlotNote: If the plot leaves out or sums up anything.
    """
    if kind not in KINDS:
        raise UsageError(f"no plot of kind {kind!r}; there are {', '.join(KINDS)}")
    check_size(width, height)
    if frame.is_empty():
        raise UsageError("no rows to plot: the frame is empty")
    with needs_extra("plot", "plots"):
        import altair as alt

        from kymflow.core.plots import bands, histogram, points
        from kymflow.core.plots.drawing import begin
    draw = {
        "line": points.draw_line,
        "scatter": points.draw_scatter,
        "hist": histogram.draw_hist,
        "bar": bands.draw_bar,
        "box": bands.draw_box,
    }[kind]
    columns = choose(frame, kind, x, y, color)
    drawing = begin(
        frame,
        columns,
        width,
        height,
        shades=kind == "scatter",
        labels=labels,
        numbered=numbered and kind == "scatter",
    )
    chart: alt.Chart | alt.LayerChart = draw(drawing)
    for note in drawing.notes:
        warnings.warn(note, PlotNote, stacklevel=2)
    if title:
        heading = alt.TitleParams(_lines(title, chart.width), subtitle=drawing.notes)
    elif drawing.notes:
        heading = alt.TitleParams(drawing.notes, fontSize=12, fontWeight="normal", color=FAINT)
    else:
        heading = alt.TitleParams("")
    finished: alt.Chart | alt.LayerChart = chart.properties(title=heading).configure(**config())
    return finished


def _lines(title: str, width: object) -> str | list[str]:
    """Break a title into lines no wider than the plot: a longer one would make the picture wider.

    Args:
        title: The title.
        width: Of the plot, pixels, if it is set; a letter takes 8 to 9 on average.
    """
    lines = wrap(title, max(24, width // 9)) if isinstance(width, int) else [title]
    return lines[0] if len(lines) == 1 else lines
