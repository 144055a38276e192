"""The panels of an image's picture: the kymograph, and a trace with its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from kymflow.core.plots.drawing import values
from kymflow.core.plots.pixels import picture_url
from kymflow.core.plots.reduce import thin_line
from kymflow.core.plots.style import FAINT, FIRST, INK, PALETTE

KYMOGRAPH, TRACE = 150, 150
"""Heights, px."""
SHARP = 2
"""Pixels of the kymograph for each px of the picture."""
AXIS = 58
"""Room for the vertical axes, px: the same for all, so that the panels stand in line."""
FENCE = 5.0
"""Velocities further from the quartiles than so many times their distance are beyond the axis: a
wild sample must not squash all others."""
MARGIN = 0.1
GAP_SHADE, SHIFT_SHADE, STRIP = 0.28, 0.08, 5
"""How dark a gap is shaded, and the way of a shift from its onset to its peak, which may be long;
the strip (px) on top shows it as well."""
OUTLINE = "#FFE45C"

EVENT_COLOURS: Mapping[str, str] = {
    "baseline_drop": "#D55E00",
    "baseline_rise": "#009E73",
    "nan_gap": "#6B6B6B",
    "zero_gap": "#56B4E9",
    "User Added": "#CC79A7",
}
"""The colour of each type of event, the same in every picture."""
_SPARE = PALETTE[6]


@dataclass(frozen=True, slots=True)
class Span:
    """What time is drawn, and how wide.

    Attributes:
        start: Of the time axis.
        end: Of the time axis.
        unit: ``s``, or ``line`` where the time of a line is not known.
        width: Of the panels, px.
    """

    start: float
    end: float
    unit: str
    width: int

    def x(self, field: str, *, last: bool) -> alt.X:
        """Return the time channel; only the last panel names it."""
        title = f"time ({self.unit})" if last else None
        axis = alt.Axis(title=title, labels=last, labelFlush=False)
        scale = alt.Scale(domain=[self.start, self.end], nice=False, zero=False)
        return alt.X(field, type="quantitative", scale=scale, axis=axis)


def kymograph(
    pixels: np.ndarray[Any, Any],
    span: Span,
    seconds: float | None,
    um: float | None,
    rois: Sequence[Mapping[str, Any]],
    *,
    last: bool,
) -> alt.LayerChart:
    """Draw the pixels, time to the right, with the outlines of ROIs that are not the whole.

    Args:
        pixels: Axis 0 time, axis 1 space.
        span: What time to draw.
        seconds: Of a line; None if not known.
        um: Of a pixel; None if not known.
        rois: With x0, x1 along space and y0, y1 along time, px.
        last: Whether no panel follows.
    """
    line, step = seconds or 1.0, um or 1.0
    first = min(max(0, round(span.start / line)), len(pixels) - 1)
    shown = pixels[first : max(first + 1, round(span.end / line))]
    per_px = span.width / (span.end - span.start)
    left, right = ((edge * line - span.start) * per_px for edge in (first, first + len(shown)))
    columns = max(1, round(SHARP * (right - left)))
    depth = pixels.shape[1] * step
    y = alt.Y(
        "y",
        type="quantitative",
        scale=alt.Scale(domain=[depth, 0], nice=False),
        title=f"position ({'µm' if um else 'pixel'})",
        axis=_axis(tickCount=4, grid=False),
    )
    picture = (
        alt.Chart(alt.InlineData(values=[{"url": picture_url(shown, columns, SHARP * KYMOGRAPH)}]))
        .mark_image(
            width=right - left, height=KYMOGRAPH, align="left", baseline="top", aspect=False
        )
        .encode(url="url:N", x=alt.value(left), y=alt.value(0))
    )
    nowhere = alt.Chart(alt.InlineData(values=[{"x": span.start, "y": 0}]))
    axes = nowhere.mark_point(opacity=0).encode(x=span.x("x", last=last), y=y)
    boxes = [_box(roi, pixels.shape, line, step, span) for roi in rois]
    outlines = _outlines([box for box in boxes if box is not None])
    chart: Any = alt.layer(axes, picture, *outlines)
    drawn: alt.LayerChart = chart.properties(width=span.width, height=KYMOGRAPH)
    return drawn


def trace(
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
        axis=_axis(tickCount=5),
    )
    line = (
        alt.Chart(values(thin_line(points, 2 * span.width)))
        .mark_line(strokeWidth=0.9, color=FIRST, clip=True, interpolate="linear")
        .encode(x=x, y=y)
    )
    zero = alt.Chart(alt.InlineData(values=[{}])).mark_rule(color=FAINT, strokeWidth=0.8)
    marks = _event_marks(_drawn(events), kinds, legend=legend)
    chart: Any = alt.layer(*marks, zero.encode(y=alt.datum(0)), line)
    drawn: alt.LayerChart = chart.properties(
        width=span.width,
        height=TRACE,
        title=alt.TitleParams(
            heading, fontSize=13, fontWeight="normal", color=INK, offset=10, frame="group"
        ),
    )
    return drawn


def event_kinds(events: pl.DataFrame) -> list[str]:
    """Return the types there are: known ones in the order of their colours, then others."""
    present = events["event_type"].drop_nulls().unique().sort().to_list()
    return sorted(present, key=lambda kind: [*EVENT_COLOURS, kind].index(kind))


def _event_marks(events: pl.DataFrame, kinds: Sequence[str], *, legend: bool) -> list[alt.Chart]:
    """Return the marks of events: a band from start to end, a line and an arrow at the peak."""
    colour = alt.Color(
        "event_type",
        type="nominal",
        scale=alt.Scale(domain=kinds, range=[EVENT_COLOURS.get(kind, _SPARE) for kind in kinds]),
        legend=_legend() if legend and kinds else None,
    )
    tooltip = [
        alt.Tooltip(f"{field}:{kind}", title=title)
        for field, kind, title in (
            ("event_type", "N", "type"),
            ("t_start_s", "Q", "start (s)"),
            ("peak_t_s", "Q", "peak (s)"),
            ("t_end_s", "Q", "end (s)"),
            ("strength", "Q", "strength"),
            ("baseline_before", "Q", "before (mm/s)"),
            ("baseline_after", "Q", "after (mm/s)"),
            ("user_type", "N", "reviewed as"),
            ("note", "N", "note"),
        )
    ]
    data = values(events)
    base = alt.Chart(data).encode(color=colour, tooltip=tooltip)
    band = base.mark_rect(clip=True).encode(
        x="begin:Q", x2="until:Q", opacity=alt.Opacity("shade:Q", scale=None)
    )
    strip = base.mark_rect(clip=True, opacity=0.75).encode(
        x="begin:Q", x2="until:Q", y=alt.value(0), y2=alt.value(STRIP)
    )
    rule = base.mark_rule(strokeWidth=1.6, clip=True).encode(x="peak_t_s:Q")
    arrow = (
        base.mark_point(filled=True, size=70, opacity=1, clip=False)
        .transform_filter("datum.shape != ''")
        .encode(
            x="peak_t_s:Q", y=alt.value(-5), shape=alt.Shape("shape:N", scale=None, legend=None)
        )
    )
    word = (
        alt.Chart(data)
        .mark_text(
            align="left", baseline="top", dx=5, dy=STRIP + 3, fontSize=11, color=INK, clip=True
        )
        .transform_filter("datum.review != ''")
        .encode(x="at:Q", y=alt.value(0), text="review:N")
    )
    return [band, strip, rule, arrow, word]


def _legend() -> alt.Legend:
    return alt.Legend(
        title=None,
        orient="top",
        direction="horizontal",
        symbolType="square",
        symbolSize=130,
        labelExpr="replace(replace(datum.label, '_', ' '), 'nan', 'NaN')",
    )


def within(events: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Return the events that begin and end within a span, or reach into it; their peaks too."""
    until = pl.coalesce("t_end_s", "peak_t_s", "t_start_s")
    inside = events.filter(until >= span.start, pl.col("t_start_s") <= span.end)
    peak = pl.col("peak_t_s")
    return inside.with_columns(pl.when(peak.is_between(span.start, span.end)).then(peak))


def _drawn(events: pl.DataFrame) -> pl.DataFrame:
    """Return events with what their marks need."""
    start = pl.col("t_start_s")
    reviewed = pl.col("user_type").fill_null("unreviewed")
    shapes = {"baseline_drop": "triangle-down", "baseline_rise": "triangle-up"}
    return events.select(
        *EVENT_TOOLTIPS,
        begin=start,
        until=pl.coalesce("t_end_s", "peak_t_s", "t_start_s"),
        at=pl.coalesce("peak_t_s", "t_start_s"),
        shade=pl.when(pl.col("t_end_s").is_null()).then(SHIFT_SHADE).otherwise(GAP_SHADE),
        shape=pl.col("event_type").replace_strict(shapes, default=""),
        review=pl.when(reviewed == "unreviewed")
        .then(pl.lit(""))
        .otherwise(reviewed.str.replace_all("_", " ")),
    )


EVENT_TOOLTIPS = (
    "event_type",
    "t_start_s",
    "peak_t_s",
    "t_end_s",
    "strength",
    "baseline_before",
    "baseline_after",
    "user_type",
    "note",
)


def _usual_range(velocities: pl.Series) -> tuple[float, float]:
    """Return what the axis spans: the usual velocities, and 0."""
    known = velocities.drop_nulls()
    if known.is_empty():
        return -1.0, 1.0
    lower, upper = (float(known.quantile(q) or 0.0) for q in (0.25, 0.75))
    reach = FENCE * ((upper - lower) or 0.2 * abs(upper))
    inside = known.filter(known.is_between(lower - reach, upper + reach))
    low, high = (min(0.0, float(inside.min())), max(0.0, float(inside.max())))  # type: ignore[arg-type]
    margin = MARGIN * (high - low) or 1.0
    return low - margin * (low < 0), high + margin * (high > 0)


def _axis(**more: Any) -> alt.Axis:
    return alt.Axis(minExtent=AXIS, maxExtent=AXIS, titlePadding=6, **more)


def _box(
    roi: Mapping[str, Any], shape: tuple[int, ...], line: float, step: float, span: Span
) -> dict[str, Any] | None:
    """Return a ROI's outline; None where it is the whole image, out of sight, or not given."""
    corners = [roi.get(name) for name in ("x0", "x1", "y0", "y1")]
    if not all(isinstance(corner, int | float) for corner in corners):
        return None
    x0, x1, y0, y1 = (float(corner or 0) for corner in corners)
    if x0 <= 0 and y0 <= 0 and x1 >= shape[1] and y1 >= shape[0]:
        return None
    left, right = max(y0 * line, span.start), min(y1 * line, span.end)
    if left >= right:
        return None
    name = f"ROI {roi.get('roi_id')}"
    return {"x": left, "x2": right, "y": x0 * step, "y2": x1 * step, "name": name}


def _outlines(boxes: list[dict[str, Any]]) -> list[alt.Chart]:
    if not boxes:
        return []
    base = alt.Chart(alt.InlineData(values=boxes)).encode(x="x:Q", y="y:Q")
    outline = base.mark_rect(filled=False, stroke=OUTLINE, strokeWidth=2, strokeDash=[6, 4])
    halo, name = (
        base.mark_text(
            align="left", baseline="top", dx=6, dy=5, fontSize=13, fontWeight="bold", **look
        ).encode(text="name:N")
        for look in ({"stroke": "black", "strokeWidth": 3}, {"color": OUTLINE})
    )
    return [outline.encode(x2="x2:Q", y2="y2:Q"), halo, name]
