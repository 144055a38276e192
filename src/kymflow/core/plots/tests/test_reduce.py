from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kymflow.core.plots.reduce import BINS, POINTS, binned, boxes, thin_line, thin_points

rng = np.random.default_rng(0)


def test_a_thinned_line_keeps_extremes_order_and_gaps() -> None:
    y = rng.normal(size=100_000)
    y[70_000] = 99.0
    y[30_000] = -99.0
    values = pl.Series(y).to_frame("y").with_row_index("x")
    gap = pl.col("x").is_between(50_000, 60_000)
    frame = values.with_columns(pl.when(~gap).then("y"))
    thin = thin_line(frame)
    assert thin.height <= POINTS
    assert thin["x"].is_sorted()
    assert thin["y"].max() == 99.0
    assert thin["y"].min() == -99.0
    assert thin.filter(gap)["y"].null_count() > 100
    assert thin_line(frame.head(POINTS)).height == POINTS


def test_lines_are_thinned_one_by_one() -> None:
    frame = pl.DataFrame({"x": [*range(20_000)] * 2, "y": [0.0] * 20_000 + [1.0] * 20_000})
    frame = frame.with_columns(
        color=pl.when(pl.col("y") == 0).then(pl.lit("a")).otherwise(pl.lit("b"))
    )
    thin = thin_line(frame)
    assert thin.group_by("color").agg(pl.min("y").alias("low"), pl.max("y").alias("high")).sort(
        "color"
    ).rows() == [("a", 0.0, 0.0), ("b", 1.0, 1.0)]


def test_thinned_points_keep_those_alone_and_the_density() -> None:
    frame = pl.DataFrame({"x": rng.normal(size=200_000), "y": rng.normal(size=200_000)})
    frame = pl.concat([frame, pl.DataFrame({"x": [50.0], "y": [50.0]})])
    thin = thin_points(frame)
    assert thin.height == POINTS
    assert thin["x"].max() == 50.0
    inner = thin.filter(pl.col("x").abs() < 0.6745).height / thin.height
    assert inner == pytest.approx(0.5, abs=0.03)
    assert thin.equals(thin_points(frame))


@pytest.mark.parametrize("kind", ["normal", "exponential"])
@pytest.mark.parametrize("count", [1, 2, 30, 10_000])
def test_bins_hold_every_value(kind: str, count: int) -> None:
    values = getattr(rng, kind)(size=count) * 1e-3
    bins = binned(pl.DataFrame({"x": values}))
    assert bins["count"].sum() == count
    assert bins.height <= BINS * 1.5
    counted = [
        ((values >= low) & (values < high)).sum() for low, high in bins.select("x", "x2").rows()
    ]
    assert abs(np.array(counted) - bins["count"].to_numpy()).max() <= 1  # edges round


def test_whole_numbers_get_whole_bins() -> None:
    bins = binned(pl.DataFrame({"x": [1, 2, 2, 3]}))
    assert bins.rows() == [(1.0, 2.0, 1), (2.0, 3.0, 2), (3.0, 4.0, 1)]


def test_each_colour_has_every_bin() -> None:
    bins = binned(pl.DataFrame({"x": [1, 1, 3], "color": ["a", "b", "b"]}))
    assert bins.height == 2 * bins["x"].n_unique()
    assert bins.group_by("color").agg(pl.sum("count")).sort("color").rows() == [("a", 1), ("b", 2)]


def test_boxes_are_tukeys() -> None:
    values = rng.normal(size=501)
    values[:2] = 10.0, -10.0
    summary, beyond = boxes(pl.DataFrame({"x": "a", "y": values}))
    [row] = summary.rows(named=True)
    q1, median, q3 = np.quantile(values, [0.25, 0.5, 0.75])
    assert (row["q1"], row["median"], row["q3"]) == pytest.approx((q1, median, q3))
    inside = values[(values >= q1 - 1.5 * (q3 - q1)) & (values <= q3 + 1.5 * (q3 - q1))]
    assert (row["low"], row["high"], row["n"]) == (inside.min(), inside.max(), 501)
    assert beyond.height == 501 - len(inside)
    assert {10.0, -10.0} <= set(beyond["y"])
