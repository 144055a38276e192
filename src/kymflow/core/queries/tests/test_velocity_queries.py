"""Queries over ``kym_velocity``, each computed again in NumPy, over tables of odd values too."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityIndexer
from kymflow.core.plots.named import plot_query
from kymflow_zarr import ZarrDataset

INF, NAN = math.inf, math.nan
RATE = 100.0
Velocities = dict[tuple[int, int], np.ndarray[Any, Any]]


def steady(speed: float, *, seed: int, against: float = 0.0, lost: float = 0.0) -> np.ndarray:
    """Return 400 velocities about one, a share of them the other way, a share of them lost."""
    rng = np.random.default_rng(seed)
    velocity = speed * (1 + 0.1 * rng.standard_normal(400))
    velocity[: int(400 * against)] *= -1
    velocity[400 - int(400 * lost) :] = NAN
    return velocity


IMAGES: dict[str, tuple[str | None, Velocities]] = {
    "a": ("x", {(1, 1): steady(1.0, seed=1), (2, 1): steady(2.0, seed=2, lost=0.5)}),
    "b": ("x", {(1, 1): steady(-1.5, seed=3, against=0.3)}),
    "c": ("x", {(1, 1): steady(1.2, seed=4), (1, 2): steady(-1.1, seed=5, against=0.06)}),
    "d": ("x", {(1, 1): np.append(steady(1.3, seed=6), [1e6] * 5)}),
    "e": ("x", {(1, 1): steady(30.0, seed=7)}),
    "f": (None, {(1, 1): np.full(400, NAN), (2, 1): np.zeros(400)}),
    "g": (None, {(7, 1): np.array([0.5])}),
    "never": ("x", {}),
}


@pytest.fixture(scope="module")
def kym(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    dataset = ZarrDataset(tmp_path_factory.mktemp("velocities") / "data.zarr", mode="a")
    for image_id, (condition, velocities) in IMAGES.items():
        record = dataset.add_image(np.zeros((80, 4), np.uint16), image_id=image_id)
        record.save_metadata_payload({"experiment_metadata": {"condition": condition}})
        if velocities:
            record.save_df_parquet("velocity/trace", trace(velocities))
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityIndexer()):
        kym.update_index(indexer, on_error="record")
    return kym


def trace(velocities: Velocities) -> pl.DataFrame:
    return pl.concat(
        pl.DataFrame({"time": np.arange(len(v)) / RATE, "velocity": v}).select(
            pl.lit(roi_id, pl.Int32).alias("roi_id"),
            pl.lit(channel, pl.Int32).alias("channel"),
            pl.all(),
        )
        for (roi_id, channel), v in velocities.items()
    )


def medians(image_id: str) -> list[float]:
    found = [v[np.isfinite(v)] for v in IMAGES[image_id][1].values()]
    return [float(np.median(np.abs(v))) for v in found if v.size]


@pytest.mark.long
def test_each_image_counts_once_in_its_group(kym: KymDataset) -> None:
    answer = {row["group"]: row for row in kym.query("speed_by_group").iter_rows(named=True)}
    assert list(answer) == ["x", None]
    for group, row in answer.items():
        members = [image_id for image_id, (condition, _) in IMAGES.items() if condition == group]
        speeds = [np.mean(medians(image_id)) for image_id in members if medians(image_id)]
        assert row["n_images"] == len(speeds)
        assert row["n_traces"] == sum(len(medians(image_id)) for image_id in members)
        assert row["n_left_out"] == len(members) - len(speeds)
        assert row["mean_speed"] == pytest.approx(np.mean(speeds))
        assert row["median_speed"] == pytest.approx(np.median(speeds))
        assert (row["min_speed"], row["max_speed"]) == pytest.approx((min(speeds), max(speeds)))
        sem = np.std(speeds, ddof=1) / np.sqrt(len(speeds))
        assert row["sem_speed"] == pytest.approx(sem)
    assert answer["x"]["n_left_out"] == 1
    of_one = kym.query("speed_by_group", by="image_id").filter(group="d").row(0, named=True)
    assert of_one["mean_speed"] < 2  # though five windows say 1e6 mm/s
    assert of_one["sem_speed"] is None


def test_what_is_in_doubt_is_said_with_the_reason(kym: KymDataset) -> None:
    answer = kym.query("quality_report")
    why = {
        (row["image_id"], row["roi_id"], row["channel"]): row["why"]
        for row in answer.iter_rows(named=True)
    }
    assert {key: text for key, text in why.items() if text} == {
        ("f", 1, 1): "no velocity",
        ("a", 2, 1): "many windows without a velocity",
        ("b", 1, 1): "both directions",
    }
    assert len(why) == sum(len(velocities) for _, velocities in IMAGES.values())
    assert answer["in_doubt"].to_list() == sorted(answer["in_doubt"].to_list(), reverse=True)
    [row] = answer.filter(image_id="a", roi_id=2).rows(named=True)
    assert (row["nan_percent"], row["zero_percent"], row["measured"]) == (50.0, 0.0, False)
    [row] = answer.filter(image_id="f", roi_id=2).rows(named=True)
    assert (row["zero_percent"], row["against_percent"], row["why"]) == (100.0, None, "")
    assert not kym.query("quality_report", most_nan=50, most_against=50)["in_doubt"][1:].any()


def test_flow_both_ways_is_listed(kym: KymDataset) -> None:
    answer = kym.query("direction_changes")
    listed = answer.select("image_id", "channel", "main_direction", "image_goes_both_ways").rows()
    assert listed == [("b", 1, -1, False), ("c", 2, -1, True)]
    assert answer["against_percent"].to_list() == pytest.approx([30.0, 6.0])
    quantiles = np.percentile(IMAGES["b"][1][1, 1], [5, 50, 95])
    assert answer.row(0)[6:9] == pytest.approx(tuple(quantiles))
    assert kym.query("direction_changes", least_percent=10)["image_id"].to_list() == ["b"]
    everything = kym.query("direction_changes", least_percent=0)
    assert everything.height == 8  # those that stand still or are lost have no share


def test_outliers_are_told_by_the_others_of_their_group(kym: KymDataset) -> None:
    [row] = kym.query("outlier_images").rows(named=True)
    speeds = np.array([s for i, (group, _) in IMAGES.items() if group == "x" for s in medians(i)])
    deviation = np.median(np.abs(speeds - np.median(speeds)))
    assert (row["image_id"], row["group"], row["n_traces"]) == ("e", "x", len(speeds))
    expected = 0.6745 * (medians("e")[0] - np.median(speeds)) / deviation
    assert row["score"] == pytest.approx(expected)
    assert kym.query("outlier_images", beyond=expected + 1).is_empty()
    assert kym.query("outlier_images", by="image_id").is_empty()


@pytest.mark.wide
@pytest.mark.parametrize("value", [NAN, INF, -INF, None])
@pytest.mark.parametrize(
    "name", ["speed_by_group", "quality_report", "direction_changes", "outlier_images"]
)
def test_odd_numbers_of_one_image_change_nothing_of_others(
    kym: KymDataset, tmp_path: Path, name: str, value: float | None
) -> None:
    odd = KymDataset(ZarrDataset(tmp_path / "odd.zarr", mode="a"))
    images, velocities = (kym.dataset.load_table(t) for t in ("kym_images", "kym_velocity"))
    spoiled = velocities.filter(image_id="a").with_columns(
        pl.lit(value, dtype).alias(column)
        for column, dtype in velocities.schema.items()
        if dtype == pl.Float64
    )
    spoiled = spoiled.with_columns(pl.lit("z").alias("image_id"), roi_id=None, channel=None)
    condition = {"condition": "odd", "image_id": "z"}
    row = images.filter(image_id="a").with_columns(
        pl.lit(text).alias(column) for column, text in condition.items()
    )
    odd.dataset.save_table("kym_images", pl.concat([images, row]))
    odd.dataset.save_table("kym_velocity", pl.concat([velocities, spoiled]))
    column = "group" if name in ("speed_by_group", "outlier_images") else "image_id"
    kept = pl.col(column).is_null() | ~pl.col(column).is_in(["odd", "z"])
    assert_frame_equal(odd.query(name).filter(kept), kym.query(name))


@pytest.mark.parametrize("name", ["speed_by_group", "direction_changes", "outlier_images"])
def test_they_draw_themselves(kym: KymDataset, name: str) -> None:
    pytest.importorskip("altair")
    assert plot_query(kym, name)
