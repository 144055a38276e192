"""Plots of results: time against images, and each case's time over its floor's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl

from benchmarks.goals import GOALS
from benchmarks.results import Results
from benchmarks.stage import FLOOR, OURS
from benchmarks.summary import Line, summarize
from kymflow.core.plots.saving import SCALE
from kymflow.core.plots.style import FIRST, INK, PALETTE, config

KYMFLOW, PALE, OF_GOALS, OF_FLOOR = FIRST, "#a9cfe6", PALETTE[1], INK
OF_RIVALS = [PALETTE[place] for place in (1, 2, 3, 4, 6)]
LARGEST, SMALLER, GOAL = "at the largest size", "at smaller sizes", "goal"
COLUMNS, WIDTH = 4, 560


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw both plots into a folder, each as SVG and as PNG.

    Returns:
        The SVG files; a plot for which too little was measured is not drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines = summarize(results)
    drawn: list[Path] = []
    for name, chart in (("time", time_chart(lines)), ("ratio", ratio_chart(lines))):
        if chart is not None:
            path = folder / f"{name}.svg"
            chart.save(path)
            chart.save(path.with_suffix(".png"), scale_factor=SCALE)
            drawn.append(path)
    return drawn


def time_chart(lines: Sequence[Line]) -> alt.FacetChart | None:
    """Plot time against images, one panel per case; None if no case has two sizes."""
    times = pl.DataFrame([each for line in lines if line.images for each in _times(line)])
    if times.is_empty() or times["images"].n_unique() < 2:
        return None
    times = times.filter(pl.col("images").n_unique().over("case") > 1)
    who = times["who"].unique(maintain_order=True).to_list()
    cases = times["case"].unique(maintain_order=True).to_list()
    base = alt.Chart().encode(
        x=alt.X("images:Q").scale(type="log").axis(format="~s", values=_powers(1, 7)),
        y=alt.Y("seconds:Q").scale(type="log").axis(format="~g", values=_powers(-4, 4)),
        color=alt.Color("who:N", title=None)
        .scale(domain=who, range=[KYMFLOW, OF_FLOOR, *OF_RIVALS][: len(who)])
        .legend(orient="top", symbolType="stroke", symbolStrokeWidth=3),
    )
    ours = base.transform_filter(f"datum.who == '{OURS}'")
    others = base.transform_filter(f"datum.who != '{OURS}'")
    dash = alt.when(f"datum.who == '{FLOOR}'").then(alt.value([4, 3])).otherwise(alt.value([1, 0]))
    panel = alt.layer(
        others.mark_line(strokeWidth=1.5).encode(strokeDash=dash),
        others.mark_circle(size=20, opacity=1),
        ours.mark_line(strokeWidth=3),
        ours.mark_circle(size=50, opacity=1),
        data=times,
    ).properties(width=180, height=140)
    by_case = alt.Facet("case:N", title=None, sort=cases).header(labelFontSize=13)
    return panel.facet(by_case, columns=COLUMNS).properties(
        title=_title("Seconds against images", "A straight line of slope one is linear growth"),
        config=config(),
    )


def ratio_chart(lines: Sequence[Line]) -> alt.LayerChart | alt.FacetChart | None:
    """Plot each case's time over its floor's, with the goals; None if nothing was measured."""
    marks = pl.DataFrame([each for line in lines for each in _ratios(line, lines)])
    if marks.is_empty():
        return None
    cases = marks["case"].unique(maintain_order=True).to_list()
    steps = [step * power for power in _powers(-2, 3) for step in (1, 2, 5)]
    base = alt.Chart(marks).encode(
        x=alt.X("times:Q", title="times the floor")
        .scale(type="log", nice=False, padding=25)
        .axis(format="~g", values=steps),
        y=alt.Y("case:N", title=None, sort=cases).axis(
            grid=True, labelLimit=300, labelPadding=10, tickSize=0
        ),
        color=alt.Color("what:N", title=None)
        .scale(domain=[LARGEST, SMALLER, GOAL], range=[KYMFLOW, PALE, OF_GOALS])
        .legend(orient="top", symbolType="circle", symbolStrokeWidth=0),
    )
    smaller, largest, goal = (
        base.transform_filter(f"datum.what == '{what}'") for what in (SMALLER, LARGEST, GOAL)
    )
    chart = alt.layer(
        alt.Chart().mark_rule(color=OF_FLOOR, strokeDash=[4, 3]).encode(x=alt.datum(1)),
        smaller.mark_circle(size=50, opacity=1),
        goal.mark_tick(thickness=3, height=18, opacity=1),
        largest.mark_circle(size=130, opacity=1),
        largest.mark_text(align="right", fontSize=12).encode(
            x=alt.value(WIDTH + 45), text=alt.Text("times:Q", format=".2f"), color=alt.value(INK)
        ),
    )
    return chart.properties(
        title=_title("Times the floor", "The floor is the least work that the case could do"),
        width=WIDTH,
        height=alt.Step(26),
        config=config(),
    )


def _times(line: Line) -> Iterator[dict[str, Any]]:
    """Yield the seconds of each contestant."""
    for each in (line.ours, line.floor, *line.rivals.values()):
        if each is not None and each.median is not None:
            images, seconds = line.images, each.median
            yield {"case": _plain(line), "images": images, "who": each.who, "seconds": seconds}


def _ratios(line: Line, lines: Sequence[Line]) -> Iterator[dict[str, Any]]:
    """Yield the ratio and, at the largest size, the goal if there is one."""
    if line.ratio is None:
        return
    largest = line.images == max(other.images for other in lines if other.case is line.case)
    yield {"case": _plain(line), "times": line.ratio, "what": LARGEST if largest else SMALLER}
    for goal in GOALS:
        if largest and (goal.case, goal.metric) == (line.case.name, "ratio"):
            yield {"case": _plain(line), "times": goal.limit, "what": GOAL}


def _plain(line: Line) -> str:
    return line.case.title.replace("`", "")


def _powers(first: int, last: int) -> list[float]:
    return [10.0**power for power in range(first, last + 1)]


def _title(text: str, subtitle: str) -> alt.Title:
    return alt.Title(text, subtitle=subtitle)
