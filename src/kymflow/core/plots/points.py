"""Lines and scatter plots."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from kymflow.core.plots.drawing import Drawing, values
from kymflow.core.plots.reduce import thin_line, thin_points

FEW, MANY = 60, 1_000


def draw_line(drawing: Drawing) -> alt.Chart:
    """Draw lines along x, one a colour; a missing y is a gap."""
    line = [name for name in drawing.frame.columns if name == "color"]
    drawing.drop_missing("x")
    if drawing.frame["y"].null_count() == drawing.frame.height:
        drawing.drop_missing("y")
    whole = drawing.frame.sort([*line, "x"])
    frame = thin_line(whole)
    if frame.height < whole.height:
        drawing.notes.append(
            f"{frame.height:,} of {whole.height:,} points drawn: "
            f"the lowest and highest of each short stretch"
        )
    few = frame.height <= FEW * (frame["color"].n_unique() if line else 1)
    mark = alt.MarkDef(
        type="line",
        point=alt.OverlayMarkDef(size=40) if few else False,
        strokeWidth=2 if frame.height < MANY else 1,
        strokeJoin="round",
    )
    x = alt.Scale(zero=False, nice=False, padding=10 if few else 0)
    return _chart(drawing, frame, mark, x, alt.Scale(zero=False))


def draw_scatter(drawing: Drawing) -> alt.Chart:
    """Draw a point a row."""
    drawing.drop_missing("x", "y")
    frame = thin_points(drawing.frame)
    if frame.height < drawing.frame.height:
        drawing.notes.append(
            f"{frame.height:,} of {drawing.frame.height:,} points drawn: "
            f"a random sample, and all that lie alone"
        )
    many = frame.height > MANY
    mark = alt.MarkDef(type="circle", size=18 if many else 60, opacity=0.5 if many else 0.75)
    roomy = alt.Scale(zero=False, nice=False, padding=10)
    return _chart(drawing, frame, mark, roomy, roomy)


def _chart(
    drawing: Drawing, frame: pl.DataFrame, mark: alt.MarkDef, x: alt.Scale, y: alt.Scale
) -> alt.Chart:
    axes: dict[str, Any] = {
        name: channel(
            name,
            type=drawing.types[name],
            title=drawing.title(name),
            scale=scale,
            axis=drawing.axis(name),
        )
        for name, channel, scale in (("x", alt.X, x), ("y", alt.Y, y))
    }
    if "row" in frame.columns:
        axes["description"] = alt.Description("row", type="nominal")
    return (
        alt.Chart(values(frame), mark=mark)
        .encode(**axes, color=drawing.color(), tooltip=drawing.tooltips())
        .properties(**drawing.size)
        .interactive()
    )
