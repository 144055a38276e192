"""Plots with a band for each kind, bars and boxes: standing or, with many or long names, lying."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt
import polars as pl

from kymflow.core.plots.drawing import HEIGHT, WIDTH, Drawing, values
from kymflow.core.plots.reduce import OUTLIERS, boxes
from kymflow.core.plots.style import INK

BAND, LYING_BAND, BAR = 120, 24, 16
"""Px: the most that a standing band takes; what a lying one takes, and each bar within it."""
LETTER = 8
"""Px that a letter of an axis label takes."""
NAME = 32
"""Longer names are cut in their middle, for paths differ at their ends."""
BANDS = 40
DOTS = 500
"""Up to so many rows, boxes show each row as well."""


@dataclass(frozen=True, slots=True)
class Bands:
    """Which way a plot's bands lie.

    Attributes:
        lying: Whether they lie, that is, are rows.
        split: Whether each has a part for each colour.
        size: The plot's size.
    """

    lying: bool
    split: bool
    size: dict[str, int]

    def place(self, title: str | None, *, gap: float) -> dict[str, Any]:
        """Return the encodings that put a mark into its band, gap the part between its parts."""
        band, offset = (alt.Y, alt.YOffset) if self.lying else (alt.X, alt.XOffset)
        across = "y" if self.lying else "x"
        axis = alt.Axis(labelAngle=0, labelExpr=r"split(datum.label, '\n')")
        places: dict[str, Any] = {
            across: band("x", type="nominal", title=title, sort=None, axis=axis)
        }
        if self.split:
            scale = alt.Scale(paddingInner=gap)
            places[f"{across}Offset"] = offset("color", type="nominal", scale=scale)
        return places

    def thickness(self, share: float) -> dict[str, Any]:
        """Return the property of a bar that takes this share of its band, if that is not split."""
        return {} if self.split else {"height" if self.lying else "width": {"band": share}}

    def scattered(self) -> dict[str, Any]:
        """Return the encoding that spreads dots over their band, if it is not split already."""
        if self.split:
            return {}
        offset = alt.YOffset if self.lying else alt.XOffset
        spread = offset("spread", type="quantitative", scale=alt.Scale(domain=[-2, 2]))
        return {"yOffset" if self.lying else "xOffset": spread}

    def measure(
        self,
        start: str,
        end: str = "",
        *,
        title: str,
        axis: alt.Axis,
        zero: bool = False,
        domain: list[int] | None = None,
    ) -> dict[str, Any]:
        """Return the encodings of a length, or of a stretch from start to end."""
        channel, along = (alt.X, "x") if self.lying else (alt.Y, "y")
        scale = alt.Scale(domain=domain) if domain else alt.Scale(zero=zero)
        measure = channel(start, type="quantitative", title=title, scale=scale, axis=axis)
        return {along: measure} | ({f"{along}2": end} if end else {})


def draw_bar(drawing: Drawing) -> alt.Chart:
    """Draw a bar for each x: its y, the mean where there are several, the count without y."""
    measured = "y" in drawing.names
    if measured:
        drawing.drop_missing("y")
    length = pl.mean("y") if measured else pl.len().alias("y")
    rows = _ordered(drawing).group_by(_keys(drawing), maintain_order=True).agg(length, n=pl.len())
    title = drawing.title("y") if measured else "count"
    if measured and rows.height < drawing.frame.height:
        most: Any = rows["n"].max()
        drawing.notes.append(f"bars are means, of up to {most:,} rows each")
        title = f"mean {title}"
    drawing.frame = _most(drawing, rows, pl.col("y").abs().max(), "bars shown, the longest")
    bands = _lay(drawing)
    # Where all are 0, Vega-Lite puts the 0 in the middle of an axis without other numbers.
    domain = None if drawing.frame["y"].cast(pl.Boolean).any() else [0, 1]
    return (
        alt.Chart(values(drawing.frame), mark=alt.MarkDef(type="bar", cornerRadiusEnd=2))
        .encode(
            **bands.place(drawing.title("x"), gap=0),
            **bands.measure("y", title=title, axis=drawing.axis("y"), zero=True, domain=domain),
            color=drawing.color(),
            tooltip=drawing.tooltips() if measured else drawing.tooltips(y="count"),
        )
        .properties(**bands.size)
    )


def draw_box(drawing: Drawing) -> Any:
    """Draw the quartiles of y for each x, whiskers, and the points beyond them, or all if few."""
    drawing.drop_missing("y")
    kinds = "x" in drawing.names
    rows = _ordered(drawing) if kinds else drawing.frame.with_columns(x=pl.lit("all rows"))
    drawing.frame = _most(drawing, rows, pl.len(), "boxes shown, those of most rows")
    bands = _lay(drawing)
    drawing.frame = _with_counts(drawing.frame, lying=bands.lying)
    summary, dots = boxes(drawing.frame)
    if drawing.frame.height <= DOTS:
        dots = drawing.frame
    elif dots.height > OUTLIERS:
        drawing.notes.append(f"{OUTLIERS:,} of {dots.height:,} points beyond the whiskers drawn")
        dots = dots.sample(OUTLIERS, seed=0)
    dots = dots.with_columns(spread=_spread(dots.height))
    color = drawing.color()
    about = drawing.tooltips(median="median", q1="lower quartile", q3="upper quartile", n="rows")

    def layer(data: pl.DataFrame, start: str, end: str, mark: alt.MarkDef, **more: Any) -> Any:
        place = bands.place(drawing.title("x") if kinds else None, gap=0.35)
        stretch = bands.measure(start, end, title=drawing.title("y"), axis=drawing.axis("y"))
        return alt.Chart(values(data), mark=mark).encode(**{**place, **stretch, **more})

    box = alt.MarkDef(type="bar", opacity=0.5, **bands.thickness(0.6))
    whisker = alt.MarkDef(type="rule", strokeWidth=1.5)
    middle = alt.MarkDef(type="bar", strokeWidth=2, color=INK, stroke=INK, **bands.thickness(0.6))
    dot = alt.MarkDef(type="circle", size=22, color=INK, opacity=0.55)
    chart: Any = alt.layer(
        layer(summary, "q1", "q3", box, color=color, tooltip=about),
        layer(summary, "low", "q1", whisker, color=color, tooltip=about),
        layer(summary, "q3", "high", whisker, color=color, tooltip=about),
        layer(summary, "median", "median", middle, tooltip=about),
        layer(dots, "y", "", dot, tooltip=drawing.tooltips(), **bands.scattered()),
    )
    if not bands.split:
        chart = chart.resolve_scale(xOffset="independent", yOffset="independent")
    return chart.properties(**bands.size)


def _spread(count: int) -> pl.Series:
    """Return numbers from -1 to 1, evenly spread and without a pattern to see."""
    golden = (1 + 5**0.5) / 2
    return ((pl.arange(count, eager=True) * golden) % 1 * 2 - 1).alias("spread")


def _keys(drawing: Drawing) -> list[str]:
    return [name for name in ("x", "color") if name in drawing.names]


def _ordered(drawing: Drawing) -> pl.DataFrame:
    """Return the rows with x as text: texts as they come, numbers and times in their order."""
    if drawing.types["x"] == "nominal":
        return drawing.frame.with_columns(_shortened(drawing.frame["x"]))
    rows = drawing.frame.sort("x", maintain_order=True)
    if drawing.types["x"] == "temporal":
        whole_days = bool((rows["x"].dt.truncate("1d") == rows["x"]).all())
        text = pl.col("x").dt.to_string("%Y-%m-%d" if whole_days else "%Y-%m-%d %H:%M:%S")
    else:
        text = pl.col("x").cast(pl.String)
    drawing.types["x"] = "nominal"
    return rows.with_columns(text.fill_null("(none)"))


def _most(drawing: Drawing, rows: pl.DataFrame, rank: pl.Expr, what: str) -> pl.DataFrame:
    """Return the rows of as many bands as a picture has room for, by rank, and note it."""
    ranks = rows.group_by("x", maintain_order=True).agg(rank.alias("rank"))
    if ranks.height <= BANDS:
        return rows
    drawing.notes.append(f"{BANDS} of {ranks.height:,} {what}")
    return rows.join(ranks.top_k(BANDS, by="rank"), on="x", how="semi", maintain_order="left")


def _lay(drawing: Drawing) -> Bands:
    """Lay the bands so that their names can be read."""
    names = drawing.frame["x"].unique(maintain_order=True)
    split = "color" in drawing.names and drawing.names["color"] != drawing.names.get("x")
    parts = drawing.frame["color"].n_unique() if split else 1
    room = (names.str.len_chars() * LETTER + 2 * LETTER).sum()
    width = drawing.width or min(WIDTH, 80 + names.len() * max(BAND, parts * 2 * BAR))
    if room <= width:
        return Bands(False, split, {"width": width, "height": drawing.height or HEIGHT})
    height = drawing.height or names.len() * max(LYING_BAND, parts * BAR)
    return Bands(True, split, {"width": drawing.width or WIDTH, "height": height})


def _with_counts(rows: pl.DataFrame, *, lying: bool) -> pl.DataFrame:
    """Return rows whose x says how many there are."""
    name = "{} (n = {})" if lying else "{}\nn = {}"
    counts = rows["x"].value_counts()
    names = {text: name.format(text, f"{count:,}") for text, count in counts.iter_rows()}
    return rows.with_columns(pl.col("x").replace_strict(names))


def _shortened(names: pl.Series) -> pl.Series:
    head, tail = NAME // 4, NAME - NAME // 4
    cut = pl.concat_str(pl.col("x").str.head(head), pl.lit("…"), pl.col("x").str.tail(tail - 1))
    long = pl.col("x").str.len_chars() > NAME
    short = names.to_frame().select(pl.when(long).then(cut).otherwise("x").alias("x"))["x"]
    return short if short.n_unique() == names.n_unique() else names
