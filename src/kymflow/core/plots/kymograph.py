"""The panel of a kymograph: its pixels, and the outlines of its ROIs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import polars as pl

from kymflow.core.plots.pixels import picture_url
from kymflow.core.plots.span import Span, y_axis
from kymflow.core.plots.streaks import Frame, draw_slopes, slope_segments

HEIGHT = 150
SHARP = 2
"""Pixels of the kymograph for each px of the picture."""
OUTLINE = "#FFE45C"


def draw_kymograph(
    pixels: np.ndarray[Any, Any],
    span: Span,
    seconds: float | None,
    um: float | None,
    rois: Sequence[Mapping[str, Any]],
    *,
    trace: pl.DataFrame,
    last: bool,
) -> alt.LayerChart:
    """Draw the pixels, time to the right, with the outlines of ROIs that are not the whole.

    Measured slopes are drawn on them where the scale is known and the time is short enough.

    Args:
        pixels: Axis 0 time, axis 1 space.
        span: What time to draw.
        seconds: Of a line; None if not known.
        um: Of a pixel; None if not known.
        rois: With x0, x1 along space and y0, y1 along time, px.
        trace: Frame (roi_id, time in s, velocity in mm/s).
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
        axis=y_axis(tickCount=4, grid=False),
    )
    picture = (
        alt.Chart(alt.InlineData(values=[{"url": picture_url(shown, columns, SHARP * HEIGHT)}]))
        .mark_image(width=right - left, height=HEIGHT, align="left", baseline="top", aspect=False)
        .encode(url="url:N", x=alt.value(left), y=alt.value(0))
    )
    nowhere = alt.Chart(alt.InlineData(values=[{"x": span.start, "y": 0}]))
    axes = nowhere.mark_point(opacity=0).encode(x=span.x("x", last=last), y=y)
    boxes = [_box(roi, pixels.shape, line, step, span) for roi in rois]
    outlines = _outlines([box for box in boxes if box is not None])
    slopes: list[Any] = []
    if seconds and um:
        frame = Frame(span, depth, HEIGHT)
        slopes = draw_slopes(slope_segments(trace, rois, um, frame))
    chart: Any = alt.layer(axes, picture, *outlines, *slopes)
    drawn: alt.LayerChart = chart.properties(width=span.width, height=HEIGHT)
    return drawn


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
