"""``kym_velocity`` against figures worked out one by one with Python's own statistics."""

from __future__ import annotations

import math
import random
import statistics

import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityIndexer
from kymflow_zarr import ZarrDataset

TRACES = {
    "noisy": [random.Random(1).gauss(-1.2, 0.9) for _ in range(301)],
    "gaps": [1.0, math.nan, 2.5, 0.0, -0.5, math.nan, 3.0, 0.0],
    "still": [0.0, 0.0, 0.0],
    "nothing": [math.nan, math.nan],
    "one": [-2.0],
    "balanced": [-1.0, 1.0],
}


def quantile(values: list[float], percent: int) -> float:
    """Interpolate between samples, as NumPy, R and Excel do by default."""
    place = (len(values) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    ordered = sorted(values)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def described(values: list[float], of: str) -> dict[str, float | None]:
    names = ("mean", "median", "std", "se", "cv", "min", "max", "q05", "q25", "q75", "q95")
    if not values:
        return {f"{name}_{of}": None for name in names}
    mean = math.fsum(values) / len(values)
    std = statistics.stdev(values) if len(values) > 1 else None
    figures = (
        mean,
        statistics.median(values),
        std,
        None if std is None else std / math.sqrt(len(values)),
        None if std is None or mean == 0 else std / abs(mean),
        min(values),
        max(values),
        *(quantile(values, percent) for percent in (5, 25, 75, 95)),
    )
    return {f"{name}_{of}": figure for name, figure in zip(names, figures, strict=True)}


def expected(velocities: list[float]) -> dict[str, object]:
    known = [v for v in velocities if not math.isnan(v)]
    median = statistics.median(known) if known else None
    direction = None if median is None else (median > 0) - (median < 0)
    moving = [v for v in known if v != 0]
    against = None
    if direction and moving:
        against = sum(v * direction < 0 for v in moving) / len(moving)
    return {
        "n_windows": len(velocities),
        "n_nan": len(velocities) - len(known),
        "n_zero": known.count(0.0),
        **described(known, "velocity"),
        **described([abs(v) for v in known], "speed"),
        "direction": direction,
        "against_fraction": against,
    }


def test_every_figure_is_what_it_is_called(dataset: ZarrDataset) -> None:
    owners = {(roi, 1 + roi % 2): values for roi, values in enumerate(TRACES.values(), start=1)}
    parts = [
        pl.DataFrame({"time": [0.1 * n for n in range(len(values))], "velocity": values}).select(
            pl.lit(roi, pl.Int32).alias("roi_id"),
            pl.lit(channel, pl.Int32).alias("channel"),
            "time",
            "velocity",
            quality=pl.lit(roi / 10),
        )
        for (roi, channel), values in owners.items()
    ]
    with dataset.stage_image("a") as staged:
        staged.save_df_parquet("velocity/trace", pl.concat(parts))
    with dataset.stage_image("never") as staged:
        staged.save_metadata_payload({})
    kym = KymDataset(dataset)
    kym.update_index(VelocityIndexer())
    rows = {(row["roi_id"], row["channel"]): row for row in kym.sql("FROM kym_velocity").to_dicts()}
    assert set(rows) == set(owners)
    for (roi, channel), values in owners.items():
        row = rows[roi, channel]
        assert row["image_id"] == "a"
        assert row["measured"] is False
        assert row["pixel_mean"] is None
        assert row["mean_quality"] == pytest.approx(roi / 10)
        for name, figure in expected(values).items():
            assert row[name] == (None if figure is None else pytest.approx(figure)), (roi, name)
