"""The angle of every window is the one that float64 projections by scikit-image yield."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.lab_folder.pixels import read_kymograph
from kymflow.core.lab_folder.traces import read_trace
from kymflow.core.velocity import measure_velocity, streaks
from kymflow.core.velocity.projections import Projections
from kymflow.core.velocity.streaks import find_streaks
from kymflow.core.velocity.tests import oracle, pixels
from kymflow.core.velocity.windows import Windows

IMAGES = (
    *("20250722_A89_0002", "20250722_A89_0003", "20250722_A89_0004"),
    "Capillary1_0001",
)


class Recording(NamedTuple):
    """A real recording with the trace that the lab's program made of one ROI."""

    pixels: np.ndarray
    seconds_per_line: float
    um_per_pixel: float
    roi: list[int]
    trace: pl.DataFrame

    def measure(self) -> pl.DataFrame:
        return measure_velocity(
            self.pixels,
            seconds_per_line=self.seconds_per_line,
            um_per_pixel=self.um_per_pixel,
            roi=self.roi,
        )


def recordings(lab_folder: Path, name: str) -> Iterator[tuple[int, Recording]]:
    """Yield the ROIs of an image."""
    [path] = lab_folder.rglob(f"{name}.tif")
    [traces] = (path.parent / "flow-analysis").glob(f"{name}_*.csv")
    sidecar = json.loads(path.with_suffix(".json").read_text())
    seconds_per_line, um_per_pixel = sidecar["header"]["voxels"]
    trace = read_trace(traces)
    for roi in sidecar["rois"]:
        if "data" in roi:
            roi_id, ends = roi["roi_id"], [roi["data"][key] for key in ("y0", "y1", "x0", "x1")]
        else:
            keys = ("dim0_start", "dim0_stop", "dim1_start", "dim1_stop")
            roi_id, ends = roi["id"], [roi[key] for key in keys]
        of_roi = trace.filter(pl.col("roi_id") == roi_id)
        yield (
            roi_id,
            Recording(read_kymograph(path).pixels, seconds_per_line, um_per_pixel, ends, of_roi),
        )


@pytest.mark.parametrize("name", IMAGES)
def test_real_windows_have_the_angles_of_skimage(lab_folder: Path, name: str) -> None:
    for _, recording in recordings(lab_folder, name):
        agree_with_skimage(recording, every=307)


@pytest.mark.long
@pytest.mark.parametrize("name", IMAGES)
def test_all_real_windows_have_the_angles_of_skimage(lab_folder: Path, name: str) -> None:
    for roi_id, recording in recordings(lab_folder, name):
        if roi_id != 1 or name == "Capillary1_0001":  # elsewhere ROI 1 is ROI 2
            agree_with_skimage(recording, every=1)


def agree_with_skimage(recording: Recording, every: int) -> None:
    """Measure an ROI, and compare every so many windows."""
    t0, t1, x0, x1 = recording.roi
    windows = oracle.windows(recording.pixels[t0:t1, x0:x1], 16)
    measured = recording.measure()
    assert measured.height == len(windows)
    for number in range(0, len(windows), every):
        expected = oracle.find(windows[number])
        assert measured["angle_deg"][number] == expected.angle, number
        assert measured["quality"][number] == pytest.approx(expected.quality, abs=1e-6)


@settings(deadline=None, max_examples=80)
@given(pixels.windows())
def test_made_windows_have_the_angles_of_skimage(window: np.ndarray) -> None:
    found = find_streaks(Windows(window, len(window)))
    expected = oracle.find(window)
    assert found.angle.tolist() == [expected.angle]
    assert found.quality[0] == pytest.approx(expected.quality, abs=1e-5)


@settings(deadline=None, max_examples=3)
@given(st.integers(120, 220), st.sampled_from([4, 16]), st.integers(0, 99))
def test_wide_windows_have_the_angles_of_skimage(width: int, lines: int, seed: int) -> None:
    window = pixels.flow(0.7, lines=lines, width=width, noise=1.0, seed=seed)
    assert find_streaks(Windows(window, lines)).angle.tolist() == [oracle.find(window).angle]


@pytest.mark.parametrize("name", IMAGES[:3])
def test_the_labs_own_traces_are_met(lab_folder: Path, name: str) -> None:
    """Its program used float32, which decides near ties otherwise."""
    recording = dict(recordings(lab_folder, name))[2]
    measured, theirs = recording.measure(), recording.trace
    assert measured.height == theirs.height
    scale = recording.um_per_pixel / recording.seconds_per_line / 1000
    angle = np.degrees(np.arctan(theirs["velocity"].to_numpy() / scale))
    too_fast = measured["angle_deg"].to_numpy() == 90
    assert 0 < too_fast.sum() < 200
    assert (np.isnan(angle) == too_fast).all()
    off = np.abs((measured["angle_deg"].to_numpy() - angle + 90) % 180 - 90)[~too_fast]
    assert off.max() < 0.2501
    assert (off < 1e-4).mean() > 0.999
    assert np.abs(measured["time"].to_numpy() - theirs["time"].to_numpy()).max() < 1e-5


def test_windows_that_are_their_own_mirror_image_have_the_first_angle() -> None:
    """Their variances at θ and 180° - θ are equal; rounding alone would tell them apart."""
    windows = [pixels.flow(0.7, lines=16, width=19, noise=0.5, seed=seed) for seed in range(40)]
    angles = [find_streaks(Windows(window + window[:, ::-1], 16)).angle[0] for window in windows]
    assert len(set(angles)) > 5
    assert max(angles) <= 90


def test_what_float32_can_not_decide_is_decided_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    windows = Windows(np.random.default_rng(0).integers(0, 4, (400, 11)), 16)
    usual = find_streaks(windows)
    everything = np.full(180, np.inf)
    monkeypatch.setattr(Projections, "float32_error", everything)
    assert find_streaks(windows).angle.tolist() == usual.angle.tolist()


@pytest.mark.parametrize("batch", [1, 5_000, 40_000])
def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    windows = Windows(pixels.flow(0.5, lines=700, width=19, noise=1.0), 16)
    usual = find_streaks(windows)
    monkeypatch.setattr(streaks, "_BATCH_PIXELS", batch)
    assert find_streaks(windows).angle.tolist() == usual.angle.tolist()
    assert find_streaks(windows).quality.tolist() == pytest.approx(usual.quality.tolist(), abs=1e-6)
