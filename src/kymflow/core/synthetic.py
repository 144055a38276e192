"""Synthetic line-scan kymographs with moving cells, for the demo and for trying things out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kymflow.core.event_schema import EVENT_SCHEMA
from kymflow.core.kym_dataset.indexers.velocity_events import DEFAULT_PARAMS

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

SECONDS_PER_LINE = 0.00117
UM_PER_PIXEL = 0.284
LINES = 6000
PIXELS = 38
CONDITIONS = ("baseline", "AngII")
FIRST_ACQUIRED = datetime(2025, 7, 22, 12)


@dataclass(frozen=True, slots=True)
class Stall:
    """A stretch in which the cells slow down; times in s."""

    start: float
    end: float


def add_synthetic_image(
    dataset: ZarrDataset, number: int, stalls: list[Stall], *, seed: int = 0
) -> ZarrImageRecord:
    """Add a kymograph with its metadata, params and events to a dataset.

    The same arguments give the same image. A person has judged its first event a true stall.

    Args:
        dataset: The dataset, open for writing.
        number: Names the image; picks its condition and depth.
        stalls: Where the flow slows down; each becomes a ``baseline_drop`` event.
        seed: Of the noise and of the cells' places.

    Returns:
        The image.
    """
    rng = np.random.default_rng([seed, number])
    velocity = _velocity(stalls, speed=0.8 + 0.1 * number)
    with dataset.stage_image(f"demo-{number:02d}") as staged:
        staged.save_array(_pixels(velocity, rng), axes=("t", "x"))
        staged.save_metadata_payload(_metadata(number))
        staged.save_json("velocity_events/params", dict(DEFAULT_PARAMS))
        staged.save_df_parquet("velocity_events/events", _events(stalls, velocity))
    return dataset.record(staged.image_id)


def _velocity(stalls: list[Stall], speed: float) -> np.ndarray[Any, Any]:
    """Return the flow's velocity at each line, mm/s."""
    times = np.arange(LINES) * SECONDS_PER_LINE
    pulse = 1 + 0.15 * np.sin(2 * np.pi * 8 * times)
    stalled = np.zeros(LINES, dtype=bool)
    for stall in stalls:
        stalled |= (times >= stall.start) & (times < stall.end)
    return np.asarray(np.where(stalled, 0.1, 1.0) * speed * pulse)


def _pixels(velocity: np.ndarray[Any, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw dark cells that move along the line with the flow, in noise."""
    travelled = np.cumsum(velocity) * SECONDS_PER_LINE * 1000  # mm/s times s, in µm
    cells = np.sort(rng.uniform(-travelled[-1], PIXELS * UM_PER_PIXEL, int(travelled[-1] / 9)))
    space = np.arange(PIXELS) * UM_PER_PIXEL
    place = space[None, :] - travelled[:, None]
    nearest = cells[np.clip(np.searchsorted(cells, place), 0, len(cells) - 1)]
    shadow = np.exp(-(((nearest - place) / 1.8) ** 2))
    light = 220 * (1 - 0.6 * shadow) + rng.normal(0, 18, place.shape)
    return light.clip(0, 4095).astype(np.uint16)


def _events(stalls: list[Stall], velocity: np.ndarray[Any, Any]) -> pl.DataFrame:
    usual = float(np.median(velocity))
    rows = [
        {
            "roi_id": 1,
            "channel": 1,
            "event_id": str(number),
            "event_type": "baseline_drop",
            "t_start_s": stall.start,
            "t_end_s": stall.end,
            "duration_s": stall.end - stall.start,
            "baseline_before": usual,
            "baseline_after": 0.1 * usual,
            "score": -0.9 * usual,
            "strength": 0.9 * usual / 0.25,
            "machine_type": "stall_candidate",
            "user_type": "unreviewed" if number else "true_stall",
            "note": "",
        }
        for number, stall in enumerate(stalls)
    ]
    return pl.DataFrame(rows, schema=dict(EVENT_SCHEMA))


def _metadata(number: int) -> dict[str, Any]:
    condition = CONDITIONS[number % len(CONDITIONS)]
    acquired = FIRST_ACQUIRED + timedelta(hours=10 * number)
    return {
        "version": "2.0",
        "header": {
            "shape": [LINES, PIXELS],
            "ndim": 2,
            "voxels": [SECONDS_PER_LINE, UM_PER_PIXEL],
            "voxels_units": ["s", "um"],
            "acquired_local_epoch_ns": int(acquired.replace(tzinfo=UTC).timestamp()) * 10**9,
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
