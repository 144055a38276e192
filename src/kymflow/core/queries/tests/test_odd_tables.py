"""Every named query over tables that hold what no query expects."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset import (
    ImageIndexer,
    KymDataset,
    VelocityEventIndexer,
    VelocityIndexer,
)
from kymflow.core.queries.library import named_queries
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow_zarr import ZarrDataset

INF, NAN = math.inf, math.nan
QUERIES = [query.name for query in named_queries()]
FLOATS = [name for name, dtype in EVENT_SCHEMA.items() if dtype == pl.Float64]

FINE = pl.DataFrame(
    {
        "roi_id": [1, 1, 2],
        "channel": [1, 1, 1],
        "event_id": ["0", "1", "2"],
        "event_type": ["baseline_drop", "baseline_rise", "nan_gap"],
        "t_start_s": [1.0, 1.5, 2.0],
        "peak_t_s": [1.0, 1.75, None],
        "t_end_s": [None, None, 2.5],
        "duration_s": [None, None, 0.5],
        "baseline_before": [1.0, 0.125, None],
        "baseline_after": [0.125, 1.0, None],
        "strength": [3.0, 4.0, 0.5],
        "machine_type": ["stall_candidate", "other", "nan_gap"],
        "user_type": ["unreviewed", "unreviewed", "other"],
        "candidate": [False, False, False],
    }
)
ROIS = [{"roi_id": 1, "channel": 1}, {"roi_id": 2, "channel": 1}]


def with_all(value: float | None) -> pl.DataFrame:
    """Return the fine events with one number everywhere."""
    return FINE.with_columns(pl.lit(value, pl.Float64).alias(name) for name in FLOATS)


ODD: Mapping[str, pl.DataFrame] = {
    "NaN": with_all(NAN),
    "null": with_all(None),
    "infinity": with_all(INF),
    "minus infinity": with_all(-INF),
    "far beyond": with_all(1e300),
    "no channel": FINE.with_columns(channel=pl.lit(None, pl.Int32)),
    "no columns for channel and ROI": FINE.drop("channel", "roi_id"),
    "no verdicts": FINE.with_columns(user_type=pl.lit(None, pl.String)),
    "nothing known": pl.DataFrame({"event_id": [None, None]}, schema={"event_id": pl.String}),
    "one row": FINE.head(1),
    "no rows": FINE.clear(),
    "several ROIs": pl.concat([FINE.with_columns(roi_id=pl.lit(n)) for n in (1, 2, 3, 7)]),
}


BRIEFLY = ("NaN", "null", "no columns for channel and ROI")


def add(dataset: ZarrDataset, image_id: str, events: pl.DataFrame | None, **header: Any) -> None:
    record = dataset.add_image(np.zeros((80, 4), np.uint16), image_id=image_id)
    record.save_metadata_payload(
        {
            "header": {"voxels": [0.125, 0.3]} | header,
            "experiment_metadata": {"condition": image_id},
            "rois": ROIS,
        }
    )
    if events is not None:
        record.save_df_parquet("velocity_events/events", events)


def indexed(dataset: ZarrDataset) -> KymDataset:
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityIndexer(), VelocityEventIndexer(), ReviewIndexer()):
        kym.update_index(indexer, on_error="record")
    return kym


@pytest.fixture(
    scope="module",
    params=[
        each if each in BRIEFLY else pytest.param(each, marks=pytest.mark.long) for each in ODD
    ],
)
def beside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    """Return a fine image, an odd one, one that failed, and one that was never analysed."""
    dataset = ZarrDataset(tmp_path_factory.mktemp("odd") / "data.zarr", mode="a")
    add(dataset, "fine", FINE)
    add(dataset, "odd", ODD[request.param])
    add(dataset, "failed", FINE)
    dataset.record("failed").artifact_path("velocity_events/events", ".parquet").write_bytes(b"?")
    add(dataset, "never", None)
    return indexed(dataset)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    dataset = ZarrDataset(tmp_path_factory.mktemp("fine") / "data.zarr", mode="a")
    add(dataset, "fine", FINE)
    return indexed(dataset)


def of_fine_image(kym: KymDataset, name: str) -> pl.DataFrame:
    """Answer a query, for the fine image alone."""
    query = next(query for query in named_queries() if query.name == name)
    by = {"by": "image_id"} if any(p.name == "by" for p in query.parameters) else {}
    answer = kym.query(name, **by)
    column = "group" if by else "image_id"
    return answer.filter(pl.col(column) == "fine") if column in answer.columns else answer.clear()


@pytest.mark.wide
@pytest.mark.parametrize("name", QUERIES)
def test_what_is_said_of_a_fine_image_does_not_depend_on_others(
    beside: KymDataset, alone: KymDataset, name: str
) -> None:
    assert_frame_equal(of_fine_image(beside, name), of_fine_image(alone, name))


def test_events_lie_where_they_do_beside_odd_ones(beside: KymDataset, alone: KymDataset) -> None:
    of_one = alone.query("event_timing")
    assert of_one["n_events"].to_list() == [3, 0]
    assert of_one["events_per_roi_min"].to_list() == [18.0, 0.0]
    answer = beside.query("event_timing")
    assert answer["from_s"].to_list() == [0.0, 5.0]
    assert answer["n_images"].to_list() == [2, 2]
    assert answer["n_events"][0] >= 3


@pytest.mark.long
def test_nothing_is_known_of_images_that_were_not_analysed(beside: KymDataset) -> None:
    for name, column in (
        ("events_per_image", "n_events"),
        ("events_per_image", "n_rois"),
        ("events_by_roi", "n_events"),
        ("time_stalled", "n_stalls"),
        ("time_stalled", "stalled_s"),
        ("time_stalled", "stalled_percent"),
    ):
        known = dict(beside.query(name).select("image_id", column).iter_rows())
        assert known["never"] is None, name
        assert known["failed"] is None, name
        assert known["fine"] is not None, name
    rates = {row["group"]: row for row in beside.query("event_rate").iter_rows(named=True)}
    for group in ("never", "failed"):
        assert rates[group]["n_images"] == 0
        assert rates[group]["n_left_out"] == 1
        assert rates[group]["events_per_roi_min"] is None
    assert rates["fine"]["events_per_roi_min"] == pytest.approx(3 / (2 * 10 / 60))


@pytest.mark.long
def test_an_image_without_events_has_none(dataset: ZarrDataset) -> None:
    add(dataset, "empty", FINE.clear())
    kym = indexed(dataset)
    assert kym.query("events_per_image")["n_events"].to_list() == [0]
    assert kym.query("events_by_roi")["n_events"].to_list() == [0, 0]
    assert kym.query("time_stalled")["stalled_s"].to_list() == [0.0, 0.0]
    rate = kym.query("event_rate").row(0, named=True)
    assert (rate["n_rois"], rate["n_events"], rate["events_per_roi_min"]) == (2, 0, 0.0)
    assert kym.query("images_without_events")["why"].to_list() == ["none found"]


@pytest.mark.long
def test_tables_without_rows_are_answered(tmp_path: Path) -> None:
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="a")
    add(dataset, "a", FINE)
    kym = indexed(dataset)
    dataset.delete_image("a")
    for indexer in (ImageIndexer(), VelocityIndexer(), VelocityEventIndexer(), ReviewIndexer()):
        kym.update_index(indexer, mode="incremental")
    assert {name: kym.query(name).height for name in QUERIES} == dict.fromkeys(QUERIES, 0)


@pytest.mark.long
@pytest.mark.parametrize("value", [NAN, INF, -INF, 0.0, None])
def test_an_image_of_no_known_length_has_no_rate(alone: KymDataset, value: float | None) -> None:
    dataset = ZarrDataset(alone.dataset.path.parent / f"{value}.zarr", mode="a")
    add(dataset, "fine", FINE)
    add(dataset, "odd", FINE)
    kym = indexed(dataset)
    odd = pl.col("image_id") == "odd"
    dataset.save_table(
        "kym_images",
        dataset.load_table("kym_images").with_columns(
            pl.when(odd).then(pl.lit(value, pl.Float64)).otherwise(name).alias(name)
            for name in ("duration_s", "seconds_per_line")
        ),
    )
    for name in QUERIES:
        assert_frame_equal(of_fine_image(kym, name), of_fine_image(alone, name))
    rates = {row["group"]: row for row in kym.query("event_rate").iter_rows(named=True)}
    assert (rates["odd"]["n_left_out"], rates["odd"]["events_per_roi_min"]) == (1, None)
    timing = kym.query("event_timing")
    assert timing["n_images"].to_list() == [1, 1]
    assert timing["n_events"].to_list() == [3, 0]
    stalled = kym.query("time_stalled").filter(odd)
    assert stalled["stalled_s"].to_list() == [0.5, 0.0]
    assert stalled["stalled_percent"].to_list() == [None, None]
