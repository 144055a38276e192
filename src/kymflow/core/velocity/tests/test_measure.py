"""From pixels to a trace: times, velocities, quality, ROIs, and what is refused."""

from __future__ import annotations

import doctest
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kymflow.core.errors import ParamsError, PixelsError, ScaleError
from kymflow.core.velocity import Roi, VelocityParams, measure, measure_velocity
from kymflow.core.velocity.tests.pixels import flow

SCALE = {"seconds_per_line": 0.001, "um_per_pixel": 0.5}
PER_PIXEL = 0.5
"""mm/s of a cell that moves by one pixel per line."""


def velocities(pixels: np.ndarray, **options: object) -> np.ndarray:
    return measure_velocity(pixels, **SCALE, **options)["velocity"].to_numpy()


def qualities(pixels: np.ndarray, **options: object) -> np.ndarray:
    return measure_velocity(pixels, **SCALE, **options)["quality"].to_numpy()


@pytest.mark.wide
@pytest.mark.parametrize("speed", [-3.0, -1.0, -0.4, 0.0, 0.1, 0.7, 2.0])
def test_cells_have_the_speed_that_they_were_drawn_with(speed: float) -> None:
    """A quarter of a degree, and the bias of a window that is shorter than the pattern is wide."""
    found = velocities(flow(speed, width=60, seed=3))
    angle = np.degrees(np.arctan(speed))
    off = np.degrees(np.arctan(found / PER_PIXEL)) - angle
    assert abs(np.median(off)) < 1.25
    assert (np.abs(off) < 5).mean() > 0.95


@pytest.mark.parametrize("window_lines", [4, 16, 40])
@pytest.mark.parametrize("n_lines", [40, 41, 43, 44, 99, 100])
def test_windows_and_times_are_as_documented(n_lines: int, window_lines: int) -> None:
    params = VelocityParams(window_lines=window_lines)
    step = window_lines // 4
    trace = measure_velocity(flow(0.5, lines=n_lines), **SCALE, params=params)
    assert trace.schema == dict.fromkeys(["time", "velocity", "angle_deg", "quality"], pl.Float64)
    assert trace.height == n_lines // step - 3
    first_lines = np.arange(trace.height) * step
    assert np.allclose(trace["time"], (first_lines + window_lines / 2) * 0.001, rtol=1e-12)
    for number in (0, trace.height // 2, trace.height - 1):
        first = first_lines[number]
        alone = flow(0.5, lines=n_lines)[first : first + window_lines]
        [angle] = measure_velocity(alone, **SCALE, params=params)["angle_deg"]
        assert angle == trace["angle_deg"][number]


def test_velocity_is_the_tangent_in_the_units_of_the_scale() -> None:
    pixels = flow(1.3, noise=1.0)
    trace = measure_velocity(pixels, seconds_per_line=0.00117, um_per_pixel=0.284)
    expected = 0.284e-3 / 0.00117 * np.tan(np.radians(trace["angle_deg"].to_numpy()))
    assert np.allclose(trace["velocity"], expected, rtol=1e-12)


@given(st.floats(1e-7, 1e3), st.floats(1e-7, 1e3))
@settings(max_examples=30, deadline=None)
def test_no_velocity_at_90_degrees_on_any_scale(seconds: float, um: float) -> None:
    flashes = np.repeat(np.random.default_rng(0).random((16, 1)), 9, axis=1)
    trace = measure_velocity(flashes, seconds_per_line=seconds, um_per_pixel=um)
    assert trace["angle_deg"].to_list() == [90]
    assert np.isnan(trace["velocity"][0])
    assert trace["velocity"].null_count() == 0
    assert trace["quality"][0] > 0.5


def test_a_flow_that_is_mirrored_turns_its_sign() -> None:
    pixels = flow(0.6, width=31, noise=0.5)
    assert np.allclose(velocities(pixels), -velocities(pixels[:, ::-1]), rtol=1e-9)


def test_brightness_and_contrast_do_not_matter() -> None:
    pixels = (100 * flow(0.6, noise=0.5)).round().astype(np.int16)
    expected = measure_velocity(pixels, **SCALE)
    for other in (
        pixels.astype(np.float32),
        pixels.astype(">i4"),
        (pixels + 3e4).astype(np.uint16),
        pixels * 1e90,
        pixels * 1e-90,
        np.asfortranarray(pixels),
        pixels.tolist(),
    ):
        found = measure_velocity(other, **SCALE)
        assert found["angle_deg"].to_list() == expected["angle_deg"].to_list()
        assert_frame_equal(found, expected, rel_tol=1e-6)


@pytest.mark.parametrize("ends", [(0, 400, 3, 31), (37, 301, 0, 38), (5, 21, 10, 11)])
def test_a_roi_is_what_it_cuts_but_for_the_time(ends: tuple[int, int, int, int]) -> None:
    t0, t1, x0, x1 = ends
    pixels = flow(0.6, lines=400, noise=0.5)
    cut = measure_velocity(pixels[t0:t1, x0:x1], **SCALE)
    shifted = cut.with_columns(pl.col("time") + t0 * 0.001)
    for roi in (Roi(*ends), ends, list(ends), np.array(ends)):
        assert_frame_equal(measure_velocity(pixels, **SCALE, roi=roi), shifted, rel_tol=1e-12)


def test_pixels_outside_the_roi_do_not_matter() -> None:
    pixels = flow(0.6, lines=100)
    expected = measure_velocity(pixels, **SCALE, roi=(20, 60, 5, 30))
    pixels[:20], pixels[60:], pixels[:, 30:] = np.nan, np.inf, 1e300
    assert_frame_equal(measure_velocity(pixels, **SCALE, roi=(20, 60, 5, 30)), expected)


def test_quality_tells_streaks_from_noise() -> None:
    """Moving cells and standing ones alike; more noise, less quality."""
    noise = qualities(np.random.default_rng(0).normal(size=(2000, 38)))
    assert 0.4 < np.median(noise) < 0.5
    assert np.quantile(noise, 0.95) < 0.65
    for speed in (0.0, 0.5, 2.0, -1.0):
        clean, noisy, lost = (
            np.median(qualities(flow(speed, lines=800, noise=amount))) for amount in (0, 1, 8)
        )
        assert clean > noisy > lost
        assert clean > 0.65
        assert lost == pytest.approx(np.median(noise), abs=0.06)


@pytest.mark.parametrize("value", [0, 7, 65535, 0.1])
def test_a_window_of_equal_pixels_has_no_quality(value: float) -> None:
    trace = measure_velocity(np.full((20, 5), value), **SCALE)
    assert trace["quality"].to_list() == [0, 0]
    assert trace["angle_deg"].to_list() == [-2, -2]


def test_windows_below_the_least_quality_have_no_velocity() -> None:
    pixels = flow(0.6, lines=3000, noise=2.0)
    pixels[1000:1500] = 3.0
    every = measure_velocity(pixels, **SCALE)
    limit = float(every["quality"].median())
    some = measure_velocity(pixels, **SCALE, params=VelocityParams(min_quality=limit))
    kept = every["quality"] >= limit
    assert 0.4 < kept.mean() < 0.6
    assert (some["velocity"].is_nan() == (~kept | every["velocity"].is_nan())).all()
    assert_frame_equal(some.filter(kept), every.filter(kept))
    assert_frame_equal(some.drop("velocity"), every.drop("velocity"))


def test_threads_find_what_one_thread_finds() -> None:
    recordings = [flow(0.5, lines=400, width=width, seed=width) for width in range(5, 17)]
    expected = [velocities(pixels).tolist() for pixels in recordings]
    with ThreadPoolExecutor(4) as pool:
        assert [found.tolist() for found in pool.map(velocities, recordings)] == expected


def test_the_example_runs() -> None:
    assert doctest.testmod(measure, raise_on_error=True).attempted > 0


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros(40), r"lines × pixels, not float64 of shape \(40,\)"),
        (np.zeros((2, 40, 5)), "of shape"),
        (np.zeros((40, 5), bool), "not bool"),
        (np.zeros((40, 5), complex), "not complex128"),
        (np.full((40, 5), "1"), "integers or floats"),
        ([[1, 2], [3]], "lines of one length"),
        (None, "integers or floats"),
        (np.zeros((0, 5)), "0 lines of 5 pixels"),
        (np.zeros((40, 0)), "40 lines of 0 pixels"),
        (np.zeros((15, 5)), "15 lines are fewer than the 16 of one window; choose a longer ROI"),
        (np.where(np.arange(200).reshape(40, 5) == 99, np.nan, 1), "must be finite"),
        (np.where(np.arange(200).reshape(40, 5) == 99, -np.inf, 1), "must be finite"),
        (np.where(np.arange(200).reshape(40, 5) == 99, 1e101, 1), "within ±1e\\+100"),
    ],
)
def test_what_is_no_line_scan_is_refused(pixels: object, message: str) -> None:
    with pytest.raises(PixelsError, match=message):
        measure_velocity(pixels, **SCALE)


@pytest.mark.parametrize(
    ("roi", "message"),
    [
        ((0, 41, 0, 5), "Roi.t0=0, t1=41, x0=0, x1=5. is empty or leaves the image, which has 40"),
        ((-1, 40, 0, 5), "leaves the image"),
        ((0, 40, 0, 6), "leaves the image"),
        ((0, 40, -5, 5), "leaves the image"),
        ((20, 20, 0, 5), "is empty"),
        ((0, 40, 3, 2), "is empty"),
        ((0, 12, 0, 5), "12 lines are fewer"),
        ((0.0, 40.0, 0, 5), "four whole numbers"),
        ((0, 40), "four whole numbers"),
        ("abcd", "four whole numbers"),
        (7, "four whole numbers"),
    ],
)
def test_rois_outside_the_image_are_refused(roi: object, message: str) -> None:
    with pytest.raises(PixelsError, match=message):
        measure_velocity(np.zeros((40, 5)), **SCALE, roi=roi)


@pytest.mark.parametrize(
    "value", [None, 0, -0.1, float("nan"), float("inf"), "0.001", True, 10**400]
)
@pytest.mark.parametrize("name", SCALE)
def test_without_a_scale_there_is_no_velocity(name: str, value: object) -> None:
    with pytest.raises(ScaleError, match=f"{name} must be a number above 0"):
        measure_velocity(np.zeros((40, 5)), **{**SCALE, name: value})


def test_params_come_back_from_their_artifact() -> None:
    params = VelocityParams(window_lines=np.int64(32), min_quality=1)
    assert params.to_dict() == {"window_lines": 32, "min_quality": 1.0}
    assert VelocityParams.from_dict(params.to_dict()) == params
    assert VelocityParams.from_dict({}) == VelocityParams(window_lines=16, min_quality=0.0)
    assert params.hash == VelocityParams().with_changes(params.to_dict()).hash
    assert params.hash != VelocityParams().hash


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"window_line": 16}, "no param 'window_line'; did you mean window_lines"),
        ({"window_lines": 18}, "must be a multiple of 4, above 0 lines, not 18"),
        ({"window_lines": 0}, "must be a multiple of 4, above 0 lines, not 0"),
        ({"window_lines": -4}, "must be a multiple of 4"),
        ({"window_lines": 16.0}, "must be a multiple of 4"),
        ({"min_quality": 1.1}, "min_quality must be a number, 0 to 1, not 1.1"),
        ({"min_quality": float("nan")}, "min_quality must be a number"),
    ],
)
def test_params_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        VelocityParams().with_changes(changes)
