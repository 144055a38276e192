"""Synthetic line-scan kymographs with moving cells, for the demo and for trying things out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

from kymflow.core.artifacts.events import TRACE_ARTIFACT

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr import ZarrDataset, ZarrImageRecord

Array = np.ndarray[Any, Any]

SECONDS_PER_LINE = 0.00117
UM_PER_PIXEL = 0.284
LINES = 6000
PIXELS = 38
CONDITIONS = ("baseline", "AngII")
WINDOW, STEP = 16, 4
"""Lines that a velocity is taken from, and lines from one to the next."""
NOISE = 0.08
"""Standard deviation of the velocities about the true ones, mm/s."""
LOST = 0.02
"""Fraction of velocities that are missing for no reason."""
FIRST_ACQUIRED = datetime(2025, 7, 22, 12)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time in which something happens.

    Attributes:
        start: When it begins, s.
        end: When it ends, s.
        kind: ``slow``: the cells move at ``speed`` times their usual speed; ``still``: they stand,
            and the analysis yields zeros; ``dark``: no cell is to be seen, and it yields nothing.
        speed: Of a ``slow`` stretch.
    """

    start: float
    end: float
    kind: Literal["slow", "still", "dark"] = "slow"
    speed: float = 0.1

    def covers(self, times: Array) -> Array:
        """Tell which times (s) lie in it."""
        return (times >= self.start) & (times < self.end)


def add_synthetic_image(
    dataset: ZarrDataset,
    number: int,
    stretches: Sequence[Stretch],
    *,
    seed: int = 0,
    with_trace: bool = True,
) -> ZarrImageRecord:
    """Add a kymograph with its metadata and its velocity trace to a dataset.

    The same arguments give the same image.

    Args:
        dataset: The dataset, open for writing.
        number: Names the image; picks its condition, depth and usual speed.
        stretches: Where the flow is not the usual one.
        seed: Of the noise and of the cells' places.
        with_trace: Whether to add a made-up trace; without, it is to be measured in the pixels.

    Returns:
        The image.
    """
    rng = np.random.default_rng([seed, number])
    velocity = true_velocity(number, stretches)
    with dataset.stage_image(f"demo-{number:02d}") as staged:
        staged.save_array(_pixels(velocity, stretches, rng), axes=("t", "x"))
        staged.save_metadata_payload(_metadata(number))
        if with_trace:
            staged.save_df_parquet(TRACE_ARTIFACT, _trace(velocity, stretches, rng))
    return dataset.record(staged.image_id)


def write_synthetic_tiff(
    folder: Path, number: int, stretches: Sequence[Stretch], *, seed: int = 0
) -> Path:
    """Write a kymograph as a microscope leaves it: a TIFF in the folder of its condition and day.

    Its scale is in the TIFF as ImageJ writes it, its condition and day in the path alone.

    Args:
        folder: The lab folder; what it lacks is made.
        number: As for :func:`add_synthetic_image`.
        stretches: As for ``number``.
        seed: As for ``number``.

    Returns:
        The file.
    """
    from tifffile import imwrite

    rng = np.random.default_rng([seed, number])
    path = (
        folder / condition_of(number) / f"{_acquired(number):%Y%m%d}" / f"vessel-{number:02d}.tif"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    imwrite(
        path,
        _pixels(true_velocity(number, stretches), stretches, rng),
        imagej=True,
        resolution=(1 / UM_PER_PIXEL, 1 / UM_PER_PIXEL),
        metadata={"axes": "YX", "unit": "um", "finterval": SECONDS_PER_LINE},
        datetime=_acquired(number),
    )
    return path


def condition_of(number: int) -> str:
    """Return the condition of a synthetic image."""
    return CONDITIONS[number % len(CONDITIONS)]


def compare_with_truth(
    trace: pl.DataFrame, number: int, stretches: Sequence[Stretch]
) -> dict[str, float]:
    """Hold a measured trace against the velocity that an image was drawn with.

    Args:
        trace: Frame with ``time``, s, and ``velocity``, mm/s, NaN where there is none.
        number: As given to :func:`add_synthetic_image`.
        stretches: As for ``number``.

    Returns:
        ``true_median`` and ``measured_median``, mm/s; ``median_error``, the median of the absolute
        differences window by window, mm/s; ``lost_percent``, the share of windows without a
        velocity. In the dark there is nothing to measure, so that its windows count for the last
        figure alone.
    """
    time, measured = trace["time"].to_numpy(), trace["velocity"].to_numpy()
    velocity = true_velocity(number, stretches)
    first = np.rint(time / SECONDS_PER_LINE - WINDOW / 2).astype(int)
    true = np.lib.stride_tricks.sliding_window_view(velocity, WINDOW)[first].mean(axis=1)
    dark = np.zeros(len(time), bool)
    for stretch in stretches:
        dark |= (stretch.kind == "dark") & stretch.covers(time)
    known = np.isfinite(measured) & ~dark
    return {
        "true_median": float(np.median(true[known])),
        "measured_median": float(np.median(measured[known])),
        "median_error": float(np.median(np.abs(measured - true)[known])),
        "lost_percent": float(100 * np.mean(~np.isfinite(measured))),
    }


def true_velocity(number: int, stretches: Sequence[Stretch]) -> Array:
    """Return the flow's velocity at each line of a synthetic image, mm/s, shape (LINES,)."""
    speed = 0.8 + 0.1 * number
    times = np.arange(LINES) * SECONDS_PER_LINE
    velocity: Array = speed * (1 + 0.15 * np.sin(2 * np.pi * 8 * times))
    for stretch in stretches:
        if stretch.kind != "dark":
            share = stretch.speed if stretch.kind == "slow" else 0.0
            velocity[stretch.covers(times)] *= share
    return velocity


def _pixels(velocity: Array, stretches: Sequence[Stretch], rng: np.random.Generator) -> Array:
    """Draw dark cells that move along the line with the flow, in noise."""
    travelled = np.cumsum(velocity) * SECONDS_PER_LINE * 1000  # mm/s times s, in µm
    cells = np.sort(rng.uniform(-travelled[-1], PIXELS * UM_PER_PIXEL, int(travelled[-1] / 9)))
    space = np.arange(PIXELS) * UM_PER_PIXEL
    place = space[None, :] - travelled[:, None]
    nearest = cells[np.clip(np.searchsorted(cells, place), 0, len(cells) - 1)]
    shadow = np.exp(-(((nearest - place) / 1.8) ** 2))
    times = np.arange(LINES) * SECONDS_PER_LINE
    for stretch in stretches:
        if stretch.kind == "dark":
            shadow[stretch.covers(times)] = 1.0
    light = 220 * (1 - 0.6 * shadow) + rng.normal(0, 18, place.shape)
    return light.clip(0, 4095).astype(np.uint16)


def _trace(velocity: Array, stretches: Sequence[Stretch], rng: np.random.Generator) -> pl.DataFrame:
    """Make the trace that an analysis in short windows would yield, as an import stores it."""
    starts = np.arange(0, LINES - WINDOW + 1, STEP)
    times = (starts + WINDOW / 2) * SECONDS_PER_LINE
    windows = np.lib.stride_tricks.sliding_window_view(velocity, WINDOW)[::STEP]
    measured = windows.mean(axis=1) + rng.normal(0, NOISE, len(starts))
    measured[rng.random(len(starts)) < LOST] = np.nan
    for stretch in stretches:
        if stretch.kind == "still":
            measured[stretch.covers(times)] = 0.0
        elif stretch.kind == "dark":
            measured[stretch.covers(times)] = np.nan
    ones = np.ones(len(starts), np.int32)
    return pl.DataFrame({"roi_id": ones, "channel": ones, "time": times, "velocity": measured})


def _metadata(number: int) -> dict[str, Any]:
    condition = condition_of(number)
    return {
        "version": "2.0",
        "header": {
            "shape": [LINES, PIXELS],
            "ndim": 2,
            "voxels": [SECONDS_PER_LINE, UM_PER_PIXEL],
            "voxels_units": ["s", "um"],
            "acquired_local_epoch_ns": int(_acquired(number).replace(tzinfo=UTC).timestamp())
            * 10**9,
        },
        "experiment_metadata": {
            "species": "mouse",
            "region": "cortex",
            "condition": condition,
            "depth": 100 + 20 * number,
            "branch_order": number % 4,
        },
        "rois": [{"roi_id": 1, "channel": 1, "x0": 0, "x1": PIXELS, "y0": 0, "y1": LINES}],
        "accepted": True,
        "source": {"path": f"{condition}/demo-{number:02d}.tif"},
    }


def _acquired(number: int) -> datetime:
    return FIRST_ACQUIRED + timedelta(hours=10 * number)
