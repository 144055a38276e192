"""The panel of a velocity trace, with its events behind it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import polars as pl

from kymflow.core.plots.drawing import values
from kymflow.core.plots.events import event_marks
from kymflow.core.plots.reduce import thin_line
from kymflow.core.plots.span import Span, y_axis
from kymflow.core.plots.style import FAINT, FIRST, INK

HEIGHT = 150
FENCE = 5.0
"""Velocities further from the quartiles than so many times their distance are beyond the axis: a
wild sample must not squash all others."""
MARGIN = 0.1


def draw_trace(
    samples: pl.DataFrame,
    events: pl.DataFrame,
    span: Span,
    *,
    name: str,
    kinds: Sequence[str],
    legend: bool,
    last: bool,
) -> alt.LayerChart:
    """Draw a trace, and behind it its events.

    Args:
        samples: Frame (time in s, velocity in mm/s).
        events: The trace's events within the span, in the event schema.
        span: What time to draw.
        name: What the panel is called.
        kinds: The types of events that the legend tells, in its order.
        legend: Whether this panel has the legend.
        last: Whether no panel follows.
    """
    number = pl.col("velocity")
    points = samples.filter(pl.col("time").is_between(span.start, span.end)).select(
        x=pl.col("time"), y=pl.when(number.is_finite()).then(number)
    )
    points = points.sort("x", maintain_order=True)
    low, high = _usual_range(points["y"])
    beyond = points.filter((pl.col("y") < low) | (pl.col("y") > high)).height
    # Cut off here: renderers lose a line that runs a million heights beyond the panel.
    points = points.with_columns(pl.col("y").clip(low, high))
    heading = (
        f"{name}  ({beyond:,} of {points.height:,} samples beyond the axis)" if beyond else name
    )
    x = span.x("x", last=last)
    y = alt.Y(
        "y",
        type="quantitative",
        scale=alt.Scale(domain=[low, high], nice=False, zero=False),
        title="velocity (mm/s)",
        axis=y_axis(tickCount=5),
    )
    line = (
        alt.Chart(values(thin_line(points, 2 * span.width)))
        .mark_line(strokeWidth=0.9, color=FIRST, clip=True, interpolate="linear")
        .encode(x=x, y=y)
    )
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=FAINT, strokeWidth=0.8)
    marks = event_marks(events, kinds, legend=legend)
    chart: Any = alt.layer(*marks, zero.encode(y=alt.datum(0)), line)
    drawn: alt.LayerChart = chart.properties(
        width=span.width,
        height=HEIGHT,
        title=alt.TitleParams(
            heading, fontSize=13, fontWeight="normal", color=INK, offset=10, frame="group"
        ),
    )
    return drawn


def _usual_range(velocities: pl.Series) -> tuple[float, float]:
    """Find the axis's range: the usual velocities, and 0."""
    known = velocities.drop_nulls()
    if known.is_empty():
        return -1.0, 1.0
    lower, upper = (float(known.quantile(q) or 0.0) for q in (0.25, 0.75))
    reach = FENCE * ((upper - lower) or 0.2 * abs(upper))
    inside = known.filter(known.is_between(lower - reach, upper + reach))
    low, high = (min(0.0, float(inside.min())), max(0.0, float(inside.max())))  # type: ignore[arg-type]
    margin = MARGIN * (high - low) or 1.0
    return low - margin * (low < 0), high + margin * (high > 0)
