"""Measured slopes lie along the streaks, and the quality strip shows what was measured."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kymflow.core.plots.span import Span
from kymflow.core.plots.streaks import LENGTH, MOST_OF_ROI, SPACING, Frame, slope_segments
from kymflow.core.plots.tests.test_image import layers, rows, spec
from kymflow.core.velocity import velocity_dataset
from kymflow_zarr import ZarrDataset
from tests.support.streaks import PIXELS, SECONDS_PER_LINE, UM_PER_PIXEL, streaks

FRAME = Frame(Span(0.0, 0.4, "s", 1000), PIXELS * UM_PER_PIXEL, 150)


def segments(velocities: list[float], rois: list[dict[str, int]]) -> pl.DataFrame:
    times = np.linspace(0.001, 0.399, len(velocities))
    trace = pl.DataFrame({"roi_id": 1, "time": times, "velocity": velocities})
    return slope_segments(trace.cast({"roi_id": pl.Int32}), rois, UM_PER_PIXEL, FRAME)


@pytest.mark.parametrize("velocity", [0.5, -0.2, 0.0])
def test_slopes_are_velocities_and_stay_in_their_roi(velocity: float) -> None:
    placed = segments([velocity] * 100, [{"roi_id": 1, "x0": 4, "x1": 12}])
    run, rise = placed["x2"] - placed["x"], placed["y2"] - placed["y"]
    np.testing.assert_allclose(rise / run, velocity * 1000, rtol=1e-9)
    np.testing.assert_allclose((placed["y"] + placed["y2"]) / 2, 8 * UM_PER_PIXEL)
    assert placed["y"].is_between(4 * UM_PER_PIXEL, 12 * UM_PER_PIXEL).all()
    assert rise.abs().max() <= MOST_OF_ROI * 8 * UM_PER_PIXEL * (1 + 1e-9)
    px = np.hypot(run * 1000 / 0.4, rise * 150 / FRAME.depth)
    assert px.max() <= LENGTH * (1 + 1e-9)
    assert placed.height == 1000 / SPACING


def test_no_velocity_has_no_slope_and_steep_ones_are_left_out() -> None:
    half = [0.5, float("nan")] * 50
    assert segments([float("nan")] * 100, []).is_empty()
    assert 0 < segments(half, []).height <= 1000 / SPACING
    assert segments([50.0] * 100, []).is_empty()


def test_slopes_and_quality_are_drawn_of_what_was_measured(dataset: ZarrDataset) -> None:
    with dataset.stage_image("a") as staged:
        staged.save_array(streaks(-0.6), axes=("t", "x"))
        voxels = {"voxels": [SECONDS_PER_LINE, UM_PER_PIXEL]}
        staged.save_metadata_payload({"header": voxels})
    velocity_dataset(dataset)
    drawn = spec(dataset.record("a"))
    halo, line = layers(drawn, 0, "rule")
    assert rows(drawn, halo) == rows(drawn, line)
    for each in rows(drawn, line):
        slope = (each["y2"] - each["y"]) / (each["x2"] - each["x"]) / 1000
        assert slope == pytest.approx(-0.6 * UM_PER_PIXEL, rel=0.05)
    trace = dataset.record("a").load_df_parquet("velocity/trace")
    [strip] = layers(drawn, 2, "area")
    assert [row["y"] for row in rows(drawn, strip)] == trace["quality"].to_list()
    titles = [
        panel["layer"][0]["encoding"]["x"]["axis"]["title"] for panel in drawn["vconcat"][::2]
    ]
    assert titles == [None, "time (s)"]
