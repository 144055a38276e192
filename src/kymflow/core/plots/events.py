"""Events as they are drawn behind a trace: bands, lines, arrows, and what a reviewer said."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from kymflow.core.plots.drawing import values
from kymflow.core.plots.span import Span
from kymflow.core.plots.style import EVENT_COLOURS, INK, SPARE_COLOUR

GAP_SHADE, SHIFT_SHADE, STRIP = 0.28, 0.08, 5
"""How dark a gap is shaded, and the way of a shift from its onset to its peak, which may be long;
the strip (px) on top shows it as well."""

CANDIDATE = 0.4
"""How opaque the line and arrow of a candidate are; other events' are wholly so."""


_TOLD = {
    "event_type": ("N", "type"),
    "t_start_s": ("Q", "start (s)"),
    "peak_t_s": ("Q", "peak (s)"),
    "t_end_s": ("Q", "end (s)"),
    "strength": ("Q", "strength"),
    "baseline_before": ("Q", "before (mm/s)"),
    "baseline_after": ("Q", "after (mm/s)"),
    "user_type": ("N", "reviewed as"),
    "note": ("N", "note"),
}
"""What shows under the mouse."""


def event_kinds(events: pl.DataFrame) -> list[str]:
    """Return the types there are: known ones in the order of their colours, then others."""
    present = events["event_type"].drop_nulls().unique().sort().to_list()
    return sorted(present, key=lambda kind: [*EVENT_COLOURS, kind].index(kind))


def within(events: pl.DataFrame, span: Span) -> pl.DataFrame:
    """Return the events that begin and end within a span, or reach into it; their peaks too."""
    until = pl.coalesce("t_end_s", "peak_t_s", "t_start_s")
    inside = events.filter(until >= span.start, pl.col("t_start_s") <= span.end)
    peak = pl.col("peak_t_s")
    return inside.with_columns(pl.when(peak.is_between(span.start, span.end)).then(peak))


def event_marks(events: pl.DataFrame, kinds: Sequence[str], *, legend: bool) -> list[alt.Chart]:
    """Return the marks of events: a band from start to end, a line and an arrow at the peak.

    Candidates, which don't count, are pale and called so.
    """
    colour = alt.Color(
        "event_type",
        type="nominal",
        scale=alt.Scale(
            domain=kinds, range=[EVENT_COLOURS.get(kind, SPARE_COLOUR) for kind in kinds]
        ),
        legend=_legend() if legend and kinds else None,
    )
    tooltip = [
        alt.Tooltip(f"{field}:{kind}", title=title) for field, (kind, title) in _TOLD.items()
    ]
    data = values(_drawn(events))
    base = alt.Chart(data).encode(color=colour, tooltip=tooltip)
    band = base.mark_rect(clip=True).encode(
        x="begin:Q", x2="until:Q", opacity=alt.Opacity("shade:Q", scale=None)
    )
    strip = base.mark_rect(clip=True, opacity=0.75).encode(
        x="begin:Q", x2="until:Q", y=alt.value(0), y2=alt.value(STRIP)
    )
    weight = alt.Opacity("weight:Q", scale=None)
    rule = base.mark_rule(strokeWidth=1.6, clip=True).encode(x="peak_t_s:Q", opacity=weight)
    arrow = (
        base.mark_point(filled=True, size=70, clip=False)
        .transform_filter("datum.shape != ''")
        .encode(
            x="peak_t_s:Q",
            y=alt.value(-5),
            shape=alt.Shape("shape:N", scale=None, legend=None),
            opacity=weight,
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


def _drawn(events: pl.DataFrame) -> pl.DataFrame:
    """Return events with what their marks need."""
    start = pl.col("t_start_s")
    reviewed = pl.col("user_type").fill_null("unreviewed")
    candidate = pl.col("candidate").fill_null(value=False) & (reviewed == "unreviewed")
    shapes = {"baseline_drop": "triangle-down", "baseline_rise": "triangle-up"}
    return events.select(
        *_TOLD,
        begin=start,
        until=pl.coalesce("t_end_s", "peak_t_s", "t_start_s"),
        at=pl.coalesce("peak_t_s", "t_start_s"),
        shade=pl.when(pl.col("t_end_s").is_null()).then(SHIFT_SHADE).otherwise(GAP_SHADE),
        shape=pl.col("event_type").replace_strict(shapes, default=""),
        weight=pl.when(candidate).then(CANDIDATE).otherwise(1.0),
        review=pl.when(candidate)
        .then(pl.lit("candidate"))
        .when(reviewed == "unreviewed")
        .then(pl.lit(""))
        .otherwise(reviewed.str.replace_all("_", " ")),
    )
