"""The angle of every window is the one that float64 projections by scikit-image yield."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from kymflow.core.lab_folder.pixels import read_kymograph
from kymflow.core.lab_folder.traces import read_trace
from kymflow.core.velocity import measure_velocity, streaks
from kymflow.core.velocity.projections import Projections
from kymflow.core.velocity.streaks import find_streaks
from kymflow.core.velocity.tests import oracle, pixels
from kymflow.core.velocity.windows import Windows
from kymflow.core.velocity_events import EventParams
from kymflow.core.velocity_events.detect import find_events
from kymflow.core.velocity_events.trace import Trace
from kymflow_zarr import ZarrDataset

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


@pytest.fixture(scope="module")
def run_lab(lab_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> ZarrDataset:
    """Return what one command makes of the real folder without its traces and events."""
    folder, path = (tmp_path_factory.mktemp("bare") / name for name in ("lab", "lab.zarr"))
    shutil.copytree(lab_folder, folder, ignore=shutil.ignore_patterns("flow-analysis"))
    command = [sys.executable, "-m", "kymflow.cli.main", "run", str(folder), str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return ZarrDataset(path, mode="r")


@pytest.mark.long
@pytest.mark.parametrize("name", IMAGES[2:])
def test_pixels_alone_lead_to_the_events_of_exact_traces(
    lab_folder: Path, run_lab: ZarrDataset, name: str
) -> None:
    """All windows of all ROIs have the angles of scikit-image, and so the events."""
    [record] = [each for each in run_lab if name in each.load_metadata_payload()["source"]["path"]]
    events = record.load_df_parquet("velocity_events/events")
    known: dict[tuple[int, ...], np.ndarray] = {}
    for roi_id, recording in recordings(lab_folder, name):
        roi = tuple(recording.roi)
        if roi not in known:  # two ROIs may be the same
            known[roi] = agree_with_skimage(recording, every=1)
        scale = recording.um_per_pixel / recording.seconds_per_line
        velocity = scale * np.tan(np.radians(known[roi])) / 1000  # in this order: an event may
        # begin at one line or the next by the last bit
        velocity[np.abs(velocity) > 1e6] = np.nan
        time = (roi[0] + 4 * np.arange(len(velocity)) + 8) * recording.seconds_per_line
        expected = find_events(Trace.of(pl.Series(time), pl.Series(velocity)), EventParams())
        found = events.filter(roi_id=roi_id)
        assert expected
        columns = [c for c in expected[0] if c in found.columns]
        as_found = pl.DataFrame(expected, schema_overrides=found.schema, strict=False)
        order = ["t_start_s", "event_type"]
        assert_frame_equal(
            found.select(columns).sort(order), as_found.select(columns).sort(order), rel_tol=1e-9
        )


def agree_with_skimage(recording: Recording, every: int) -> np.ndarray:
    """Measure an ROI, compare every so many windows, and return their expected angles, degrees."""
    t0, t1, x0, x1 = recording.roi
    windows = oracle.windows(recording.pixels[t0:t1, x0:x1], 16)
    measured = recording.measure()
    assert measured.height == len(windows)
    angles = []
    for number in range(0, len(windows), every):
        expected = oracle.find(windows[number])
        assert measured["angle_deg"][number] == expected.angle, number
        assert measured["quality"][number] == pytest.approx(expected.quality, abs=1e-6)
        angles.append(expected.angle)
    return np.array(angles)


@pytest.mark.long
@settings(deadline=None, max_examples=80)
@given(pixels.windows())
def test_made_windows_have_the_angles_of_skimage(window: np.ndarray) -> None:
    found = find_streaks(Windows(window, len(window)))
    expected = oracle.find(window)
    assert found.angle.tolist() == [expected.angle]
    assert found.quality[0] == pytest.approx(expected.quality, abs=1e-5)


@pytest.mark.long
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
