"""Images with traces."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow_zarr import ZarrDataset, ZarrImageRecord

RATE = 200.0

AddTrace = Callable[..., ZarrImageRecord]


def flow(*stalls: float, seconds: float = 10.0, seed: int = 0) -> np.ndarray:
    """Return velocities (mm/s) that fall to a tenth for a second from each of these times (s)."""
    time = np.arange(int(seconds * RATE)) / RATE
    velocity = 1.0 + np.random.default_rng(seed).normal(0, 0.05, len(time))
    for begin in stalls:
        velocity[(time >= begin) & (time < begin + 1)] *= 0.1
    return velocity


def trace_of(velocities: Mapping[tuple[int, int], np.ndarray]) -> pl.DataFrame:
    """Return a trace artifact: velocities by (ROI, channel)."""
    frames = [
        pl.DataFrame({"time": np.arange(len(v)) / RATE, "velocity": v}).select(
            pl.lit(roi_id, pl.Int32).alias("roi_id"),
            pl.lit(channel, pl.Int32).alias("channel"),
            pl.all(),
        )
        for (roi_id, channel), v in velocities.items()
    ]
    return pl.concat(frames)


@pytest.fixture
def add_trace(dataset: ZarrDataset) -> AddTrace:
    """Return a function that adds an image with one trace, or one for each (ROI, channel)."""

    def add(
        image_id: str, velocities: np.ndarray | Mapping[tuple[int, int], np.ndarray]
    ) -> ZarrImageRecord:
        record = dataset.add_image(np.zeros((8, 4), np.uint16), axes="tx", image_id=image_id)
        by_roi = {(1, 1): velocities} if isinstance(velocities, np.ndarray) else velocities
        record.save_df_parquet(TRACE_ARTIFACT, trace_of(by_roi))
        return record

    return add
