"""Fewer points where there are more than a picture can show, with the same look.

Frames here have the columns x, y and color, as far as there are such.
"""

from __future__ import annotations

import math

import polars as pl

from kymflow_zarr.errors import UsageError

POINTS = 5_000
"""As many as a browser still moves smoothly, and about as many as a picture has room for."""
CELLS = 40
"""Along each axis of a scatter plot: a point by itself in its cell lies alone."""
BINS = 60
OUTLIERS = 1_000
_NUMBERED = 1 << 50


def thin_line(frame: pl.DataFrame, points: int = POINTS) -> pl.DataFrame:
    """Return lines with the lowest and the highest value of each of many short stretches.

    Peaks survive, and so do gaps, where y is null all through a stretch.

    Args:
        frame: (x, y, and color if there are several lines), sorted by x within each line.
        points: About how many to keep.
    """
    if frame.height <= points:
        return frame
    line = [name for name in frame.columns if name == "color"]
    place = pl.int_range(pl.len())
    within = place.over(line) if line else place
    length = math.ceil(2 * frame.height / points)
    numbered = frame.with_columns(_place=place, _stretch=within // length)
    ends = numbered.group_by([*line, "_stretch"]).agg(
        pl.coalesce(pl.col("_place").get(pl.col("y").arg_min()), pl.first("_place")).alias("low"),
        pl.coalesce(pl.col("_place").get(pl.col("y").arg_max()), pl.first("_place")).alias("high"),
    )
    return frame[pl.concat([ends["low"], ends["high"]]).unique().sort()]


def thin_points(frame: pl.DataFrame, points: int = POINTS) -> pl.DataFrame:
    """Return a random sample, so that dense places stay dense, and all points that lie alone.

    Args:
        frame: (x, y, perhaps color); points lie alone where x and y are numbers or times.
        points: How many to keep at most.
    """
    if frame.height <= points:
        return frame
    if not all(
        frame.schema[axis].is_numeric() or frame.schema[axis].is_temporal() for axis in "xy"
    ):
        return frame[frame.with_row_index("place")["place"].sample(points, seed=0).sort()]
    numbers = pl.col("x", "y").to_physical().cast(pl.Float64)
    share = (numbers - numbers.min()) / (numbers.max() - numbers.min())
    cells = frame.select((share.fill_nan(0) * CELLS).floor()).with_row_index("place")
    cells = cells.with_columns(alone=pl.len().over("x", "y") == 1)
    alone = cells.filter("alone")["place"][: points // 2]
    rest = cells.join(alone.to_frame(), on="place", how="anti")["place"]
    sample = rest.sample(points - alone.len(), seed=0)
    return frame[pl.concat([alone, sample]).sort()]


def binned(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the counts of a histogram.

    The bins' width is the smaller of those of Freedman and Diaconis (1981), 2 · IQR · n^(-1/3),
    and Sturges (1926), range / (1 + log2 n), as NumPy's "auto"; then rounded to 1, 2, 2.5 or 5
    times a power of ten. There are about ``BINS`` at most; whole numbers get whole widths.

    Args:
        frame: (x, perhaps color), x finite numbers.

    Returns:
        Frame (x, x2, perhaps color, count): each bin from x up to, not including, x2. Where there
        are colours, each has a row for every bin, and one more at the end.
    """
    values = frame["x"]
    low, high = float(values.min()), float(values.max())  # type: ignore[arg-type]
    if not math.isfinite(high - low):
        raise UsageError("the values lie too far apart for a histogram: leave the extremes out")
    spread = float(values.quantile(0.75)) - float(values.quantile(0.25))  # type: ignore[arg-type]
    sturges = (high - low) / (1 + math.log2(values.len()))
    diaconis = 2 * spread / values.len() ** (1 / 3)
    width = min(sturges, diaconis or sturges) or 1.0
    # Bins are numbered from 0 in 64 bits, and no narrower than floats are apart.
    width = max(width, (high - low) / BINS, max(abs(low), abs(high)) / _NUMBERED)
    width = _nice(width, whole=values.dtype.is_integer())
    colors = [name for name in frame.columns if name == "color"]
    places = frame.with_columns(place=(pl.col("x") / width).floor().cast(pl.Int64))
    counts = places.group_by("place", *colors).agg(pl.len().alias("count"))
    if colors:
        first, end = counts.select(pl.min("place"), pl.max("place").alias("end") + 2).row(0)
        every = pl.DataFrame({"place": range(first, end)})
        grid = every.join(frame.select("color").unique(), how="cross")
        counts = grid.join(counts, on=["place", "color"], how="left")
    return (
        counts.select(
            *colors,
            "place",
            x=pl.col("place") * width,
            x2=(pl.col("place") + 1) * width,
            count=pl.col("count").fill_null(0),
        )
        .sort("place", *colors)
        .drop("place")
    )


def _nice(width: float, *, whole: bool) -> float:
    power = 10.0 ** math.floor(math.log10(width))
    steps = [step * power for step in (1, 2, 2.5, 5, 10)]
    fitting = [step for step in steps if step.is_integer() or not whole] or [1.0]
    return min(fitting, key=lambda step: abs(math.log(step / width)))


def boxes(frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the boxes of a box plot, and the points beyond their whiskers.

    A box spans the quartiles (linear interpolation), its whiskers reach to the last value within
    1.5 times the box's height, after Tukey (1977).

    Args:
        frame: (y, perhaps x and color), y without nulls.

    Returns:
        Boxes (perhaps x and color, q1, median, q3, low, high, n) and points (perhaps x and
        color, y).
    """
    keys = [name for name in ("x", "color") if name in frame.columns]
    grouped = frame.with_columns(pl.lit(0).alias("_all"))
    by = ["_all", *keys]
    quartiles = grouped.group_by(by, maintain_order=True).agg(
        q1=pl.col("y").quantile(0.25, "linear"),
        median=pl.col("y").median(),
        q3=pl.col("y").quantile(0.75, "linear"),
        n=pl.len(),
    )
    reach = 1.5 * (pl.col("q3") - pl.col("q1"))
    inside = pl.col("y").is_between(pl.col("q1") - reach, pl.col("q3") + reach)
    joined = grouped.join(quartiles, on=by, nulls_equal=True, maintain_order="left")
    whiskers = joined.filter(inside).group_by(by).agg(low=pl.min("y"), high=pl.max("y"))
    summary = quartiles.join(whiskers, on=by, how="left", nulls_equal=True, maintain_order="left")
    return summary.drop("_all"), joined.filter(~inside).select(*keys, "y")
