"""Histograms."""

from __future__ import annotations

import altair as alt
import polars as pl

from kymflow.core.plots.drawing import Drawing, values
from kymflow.core.plots.reduce import binned


def draw_hist(drawing: Drawing) -> alt.Chart:
    """Draw how many rows fall into each bin of x; of several colours, outlines."""
    drawing.drop_missing("x")
    whole = drawing.frame
    temporal = drawing.types["x"] == "temporal"
    bins = binned(whole.with_columns(pl.col("x").to_physical()) if temporal else whole)
    several = "color" in drawing.names
    if temporal:
        bins = bins.with_columns(pl.col("x", "x2").cast(pl.Int64).cast(pl.Datetime("ms")))
    type_ = drawing.types["x"]
    x = alt.X("x", type=type_, title=drawing.title("x"), scale=alt.Scale(zero=False, nice=False))
    tooltips = [
        alt.Tooltip("x", type=type_, title="from"),
        alt.Tooltip("x2", type=type_, title="to"),
    ]
    if several:
        line = alt.OverlayMarkDef(strokeWidth=2)
        mark = alt.MarkDef(type="area", interpolate="step-after", opacity=0.15, line=line)
        tooltips.append(alt.Tooltip("color:N", title=drawing.title("color")))
    else:
        mark = alt.MarkDef(type="bar", orient="vertical", binSpacing=1)
    return (
        alt.Chart(values(bins), mark=mark)
        .encode(
            x=x,
            **({} if several else {"x2": "x2"}),
            y=alt.Y("count:Q", title="count", stack=None, axis=alt.Axis(tickMinStep=1)),
            color=drawing.color(),
            tooltip=[*tooltips, alt.Tooltip("count:Q")],
        )
        .properties(**drawing.size)
    )
