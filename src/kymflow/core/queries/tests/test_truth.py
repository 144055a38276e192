"""Counts, rates and stalls against what is known to be true: by construction, and by NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow.core.artifacts.trace import load_trace
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.lab_folder import import_folder
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

LINE_S, STEP, N_WINDOWS = 0.00117, 4, 5000
STEP_S = STEP * LINE_S


@dataclass(frozen=True)
class Truth:
    """Images of one ROI, four in five of them with one stall."""

    kym: KymDataset
    stalls: dict[str, float | None]

    @property
    def n_stalls(self) -> int:
        return sum(each is not None for each in self.stalls.values())


def noisy_trace(rng: np.random.Generator, begin: float | None, lasting: float) -> pl.DataFrame:
    """Return a pulsating flow with a stall: at most a tenth of the speed is left."""
    time = np.arange(N_WINDOWS) * STEP_S
    flow = rng.uniform(0.8, 2.0) * (1 + 0.15 * np.sin(2 * np.pi * 8 * time + rng.uniform(0, 6)))
    if begin is not None:
        flow[(time >= begin) & (time < begin + lasting)] *= rng.uniform(0, 0.1)
    velocity = flow + rng.normal(0, 0.1, len(time))
    velocity[rng.random(len(time)) < 0.03] = np.nan
    return pl.DataFrame({"roi_id": 1, "channel": 1, "time": time, "velocity": velocity})


def make_truth(dataset: ZarrDataset, n_images: int) -> Truth:
    rng = np.random.default_rng(20)
    stalls: dict[str, float | None] = {}
    for number in range(n_images):
        lasting = float(rng.uniform(0.4, 3.0)) if number % 5 else None
        metadata = {
            "header": {"shape": [N_WINDOWS * STEP, 38], "voxels": [LINE_S, 0.28]},
            "experiment_metadata": {"condition": "stalled" if number % 5 else "flowing"},
        }
        with dataset.stage_image(f"image{number:03d}") as staged:
            staged.save_metadata_payload(metadata)
            trace = noisy_trace(rng, float(rng.uniform(2, 18)) if lasting else None, lasting or 0)
            staged.save_df_parquet(TRACE_ARTIFACT, trace)
        stalls[staged.image_id] = lasting
    detect_dataset(dataset)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    return Truth(kym, stalls)


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    return make_truth(ZarrDataset(tmp_path_factory.mktemp("truth") / "data.zarr", mode="a"), 300)


@pytest.mark.long
def test_stalls_are_found_and_last_as_long_as_they_do(truth: Truth) -> None:
    answer = truth.kym.query("time_stalled")
    assert answer.height == 300
    assert answer["n_stalls"].sum() == pytest.approx(truth.n_stalls, rel=0.05)
    lasting = [each for each in truth.stalls.values() if each is not None]
    assert answer["stalled_s"].sum() == pytest.approx(sum(lasting), rel=0.05)
    expected = answer["image_id"].replace_strict(truth.stalls, return_dtype=pl.Float64)
    errors = (answer["stalled_s"] / expected - 1).abs().drop_nulls()
    assert errors.median() < 0.05
    assert answer["n_censored"].sum() <= 0.05 * truth.n_stalls


@pytest.mark.long
def test_only_what_is_there_counts(truth: Truth) -> None:
    """Each stall is a drop and a rise; what top_k_total adds is no event."""
    raw = truth.kym.sql("SELECT count(*) FROM kym_velocity_events").item()
    counted = truth.kym.sql("SELECT count(*) FROM kym_events").item()
    assert counted == pytest.approx(2 * truth.n_stalls, rel=0.05)
    assert raw > 1.5 * counted


@pytest.mark.long
def test_rates_are_those_of_the_stalls(truth: Truth) -> None:
    answer = truth.kym.query("event_rate", event_type="baseline_drop").sort("group")
    minutes = N_WINDOWS * STEP * LINE_S / 60
    assert answer["n_rois"].to_list() == [60, 240]
    assert answer["roi_minutes"].to_list() == pytest.approx([60 * minutes, 240 * minutes])
    flowing, stalled = answer["events_per_roi_min"]
    assert flowing < 0.05 / minutes
    assert stalled == pytest.approx(1 / minutes, rel=0.05)


@pytest.mark.long
def test_a_slow_trace_of_the_lab_is_a_stall_and_nothing_else_is(
    lab_folder: Path, dataset: ZarrDataset
) -> None:
    import_folder(lab_folder, dataset)
    detect_dataset(dataset)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    answer = kym.query("time_stalled")
    assert answer.height == 9
    for image_id, roi_id, n_stalls, seconds in answer.select(
        "image_id", "roi_id", "n_stalls", "stalled_s"
    ).iter_rows():
        trace = load_trace(dataset.record(image_id)).filter(pl.col("roi_id") == roi_id)
        slow = slow_stretches(trace["time"].to_numpy(), trace["velocity"].to_numpy())
        assert n_stalls == len(slow), (image_id, roi_id)
        # Medians of 0.25 s place either end within half of that.
        assert seconds == pytest.approx(sum(slow), abs=0.125)
    assert answer["n_stalls"].sum() == 3
    assert answer["stalled_s"].sum() / 3 == pytest.approx(0.7, abs=0.05)
    assert answer["n_censored"].sum() == 0


def slow_stretches(time: np.ndarray, velocity: np.ndarray) -> list[float]:
    """Return how long the smoothed speed stays below half its median, of 0.2 s or more."""
    speed = np.abs(velocity)
    half = round(0.05 / float(np.median(np.diff(time))))
    smooth = [np.nanmedian(speed[max(0, i - half) : i + half + 1]) for i in range(len(speed))]
    slow = np.r_[False, np.array(smooth) <= np.nanmedian(speed) / 2, False]
    turns = np.flatnonzero(np.diff(slow))
    lasting = [
        time[end - 1] - time[begin] for begin, end in zip(*turns.reshape(-1, 2).T, strict=True)
    ]
    return [float(seconds) for seconds in lasting if seconds >= 0.2]
