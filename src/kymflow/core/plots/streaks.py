"""Measured slopes on a kymograph, and the quality that they were measured with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import polars as pl

from kymflow.core.plots.drawing import values
from kymflow.core.plots.reduce import thin_line
from kymflow.core.plots.span import Span, y_axis
from kymflow.core.plots.style import FAINT, FIRST
from kymflow.core.quantities import as_whole

SLOPE = "#3DDCFF"
SPACING, LENGTH = 50, 40
"""From one segment to the next, and how long it is, px."""
LEAST_RUN = 1.5
"""Time that the usual segment must span, px: steeper ones all look the same."""
MOST_OF_ROI = 0.8
"""Share of the ROI's pixels that a segment spans at most."""
STRIP = 32
"""Height of the strip, px."""


class Frame(NamedTuple):
    """What a kymograph's panel shows.

    Attributes:
        span: The time.
        depth: The positions, from 0, µm.
        height: Of the panel, px.
    """

    span: Span
    depth: float
    height: int


def slope_segments(
    trace: pl.DataFrame, rois: Sequence[Mapping[str, Any]], um: float, frame: Frame
) -> pl.DataFrame:
    """Place short segments of the measured slopes, at readable spacing, in the middle of each ROI.

    Args:
        trace: Frame (roi_id, time in s, velocity in mm/s, NaN where there is none).
        rois: With roi_id, x0 and x1, px; the whole line for those without.
        um: Of a pixel.
        frame: What is shown.

    Returns:
        Frame (x, x2 in s, y, y2 in µm). It is empty where segments would be too steep to be told
        from one another, as in a whole recording.
    """
    span = frame.span
    known = trace.filter(pl.col("velocity").is_finite())
    seen = known.filter(pl.col("time").is_between(span.start, span.end))
    px_per_s = span.width / (span.end - span.start)
    px_per_um = frame.height / frame.depth
    bounds = pl.DataFrame(
        [
            (as_whole(roi.get("roi_id")), _px(roi, "x0") * um, _px(roi, "x1") * um or frame.depth)
            for roi in rois
        ],
        schema={"roi_id": pl.Int32, "low": pl.Float64, "high": pl.Float64},
        orient="row",
        strict=False,
    ).unique("roi_id", keep="first", maintain_order=True)
    low, high = pl.col("low").fill_null(0), pl.col("high").fill_null(frame.depth)
    slope = pl.col("velocity") * 1000  # µm per s
    rise = slope.abs() * px_per_um  # px per s
    longest = LENGTH / (px_per_s**2 + rise**2).sqrt()
    crossing = MOST_OF_ROI * (high - low) / slope.abs()
    placed = (
        seen.with_columns(place=((pl.col("time") - span.start) * px_per_s / SPACING).floor())
        .sort("time")
        .unique(["roi_id", "place"], keep="first", maintain_order=True)
        .join(bounds, on="roi_id", how="left")
        .with_columns(half=pl.min_horizontal(longest, crossing) / 2, middle=(low + high) / 2)
    )
    usual = placed.filter(pl.col("velocity") != 0)["half"].median()
    if isinstance(usual, float) and 2 * usual * px_per_s < LEAST_RUN:
        placed = placed.clear()
    time, half, middle = pl.col("time"), pl.col("half"), pl.col("middle")
    return placed.select(
        x=time - half, x2=time + half, y=middle - slope * half, y2=middle + slope * half
    )


def _px(roi: Mapping[str, Any], name: str) -> float:
    """Return a bound of a ROI, px; 0 where it is no number."""
    value = roi.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def draw_slopes(segments: pl.DataFrame) -> list[Any]:
    """Draw the segments, with a dark halo, so that they show on dark and on bright pixels."""
    if segments.is_empty():
        return []
    base = alt.Chart(values(segments)).encode(x="x:Q", x2="x2:Q", y="y:Q", y2="y2:Q")
    looks = (("black", 4), (SLOPE, 2))
    return [base.mark_rule(clip=True, color=color, strokeWidth=width) for color, width in looks]


def draw_quality(samples: pl.DataFrame, span: Span, *, last: bool) -> alt.LayerChart:
    """Draw the quality of a trace as a strip, 0 at its bottom, 1 at its top.

    Args:
        samples: Frame (time in s, quality).
        span: What time to draw.
        last: Whether no panel follows.
    """
    seen = samples.filter(pl.col("time").is_between(span.start, span.end))
    points = seen.select(x="time", y="quality").sort("x", maintain_order=True)
    y = alt.Y(
        "y",
        type="quantitative",
        scale=alt.Scale(domain=[0, 1], nice=False),
        title="quality",
        axis=y_axis(values=[0, 1]),
    )
    line = (
        alt.Chart(values(thin_line(points, 2 * span.width)))
        .mark_area(color=FIRST, opacity=0.35, line={"color": FIRST, "strokeWidth": 0.6}, clip=True)
        .encode(x=span.x("x", last=last), y=y)
    )
    top = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=FAINT, strokeWidth=0.4)
    chart: Any = alt.layer(line, top.encode(y=alt.datum(1)))
    drawn: alt.LayerChart = chart.properties(width=span.width, height=STRIP)
    return drawn
