"""The answers of named queries, drawn as the queries declare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset import (
    ImageIndexer,
    KymDataset,
    VelocityEventIndexer,
    VelocityIndexer,
)
from kymflow.core.plots import plot_query, save
from kymflow.core.queries.library import named_queries
from kymflow.core.review.decision import EventKey
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow_zarr import UsageError, ZarrDataset
from tests.support.images import add_image

QUERIES = {query.name: query for query in named_queries()}


def event(event_id: str, event_type: str, at: float, **more: object) -> dict[str, object]:
    return {
        "roi_id": 1,
        "channel": 1,
        "event_id": event_id,
        "event_type": event_type,
        "t_start_s": at,
        "peak_t_s": at,
        "t_end_s": at + 1.0,
        "baseline_before": 1.0,
        "baseline_after": 0.25 if event_type == "baseline_drop" else 2.0,
        "strength": 2.0,
        "candidate": False,
        "machine_type": "stall_candidate" if event_type == "baseline_drop" else "other",
        **more,
    }


def make(dataset: ZarrDataset) -> None:
    """Fill a dataset so that every named query has something to tell."""
    events = [
        event("0", "baseline_drop", 1.0),
        event("1", "baseline_drop", 1.01),
        event("2", "baseline_rise", 3.0),
    ]
    for number, image_id in enumerate(("a", "b", "failing", "empty")):
        record = add_image(dataset, image_id, 0, mad_k=3.0 if number else 4.0)
        shown = events if image_id != "empty" else []
        record.save_df_parquet("velocity_events/events", pl.DataFrame(shown, EVENT_SCHEMA))
        record.save_metadata_payload(
            {
                "header": {"voxels": [1.0, 0.3], "acquired_local_epoch_ns": 10**18},
                "experiment_metadata": {"condition": "AngII", "depth": 10 * number},
                "source": {"path": f"{image_id}.tif"},
            }
        )
        speed = (number + 1) * np.ones(100) * np.where(np.arange(100) < 90, 1, -1)
        traces = [trace_of(roi_id, 100 * speed if image_id == "a" else speed) for roi_id in (1, 2)]
        record.save_df_parquet("velocity/trace", pl.concat(traces))
    for name, label in (("ann", "true_stall"), ("bob", "other")):
        key = EventKey("a", 1, 1, "1")
        Reviews(dataset, reviewer=name).label([key], label)
        Reviews(dataset, reviewer=name).label([EventKey("a", 1, 1, "2")], "other")
    dataset.record("failing").artifact_path("velocity_events/events", ".parquet").write_bytes(b"?")
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityIndexer(), VelocityEventIndexer(), ReviewIndexer()):
        kym.update_index(indexer, on_error="record")


def trace_of(roi_id: int, velocity: np.ndarray) -> pl.DataFrame:
    trace = pl.DataFrame({"time": np.arange(len(velocity)) / 10, "velocity": velocity})
    owner = (
        pl.lit(number, pl.Int32).alias(n) for n, number in (("roi_id", roi_id), ("channel", 1))
    )
    return trace.select(*owner, pl.all())


@pytest.fixture
def kym(dataset: ZarrDataset, made_once) -> KymDataset:
    return KymDataset(made_once(dataset, make))


def drawn(kym: KymDataset, name: str, params: dict[str, object] | None = None, **look: Any) -> Any:
    return plot_query(kym, name, params, **look).to_dict()


def titles(spec: dict[str, Any]) -> dict[str, str]:
    layer = spec["layer"][0] if "layer" in spec else spec
    return {
        channel: encoding["title"]
        for channel, encoding in layer["encoding"].items()
        if isinstance(encoding, dict) and encoding.get("title")
    }


@pytest.mark.wide
@pytest.mark.filterwarnings("ignore::kymflow.core.plots.PlotNote")
@pytest.mark.parametrize("name", QUERIES)
def test_every_named_query_is_drawn_as_it_declares(
    kym: KymDataset, name: str, tmp_path: Path
) -> None:
    axes = QUERIES[name].axes
    chart = plot_query(kym, name)
    spec = chart.to_dict()
    title = spec["title"]["text"]
    told = title if isinstance(title, str) else " ".join(title)
    assert told == QUERIES[name].summary.removesuffix(".")
    across = titles(spec)
    assert len(across) >= 2
    if axes.y is None:
        assert "count" in across.values()
    save(chart, tmp_path / "picture.svg")
    assert (tmp_path / "picture.svg").stat().st_size > 1000


@pytest.mark.wide
@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("event_rate", {}, {"x": "condition", "y": "events per ROI (1/min)"}),
        ("event_rate", {"by": "depth"}, {"x": "depth (µm)", "y": "events per ROI (1/min)"}),
        ("event_rate", {"by": "kym_images.depth"}, {"x": "depth (µm)"}),
        ("event_timing", {}, {"x": "from (s)", "y": "events per ROI (1/min)"}),
        ("distribution", {}, {"x": "event type", "y": "median strength"}),
        ("distribution", {"by": "roi_id"}, {"x": "roi id"}),
        ("distribution", {"of": "baseline_before"}, {"y": "median baseline before (mm/s)"}),
        ("speed_change", {}, {"y": "median change (mm/s)", "color": "event type"}),
        ("review_progress", {"by": "condition"}, {"y": "reviewed (%)"}),
        ("time_stalled", {}, {"y": "stalled (s)"}),
        ("images_without_events", {}, {"x": "why", "y": "count"}),
    ],
)
def test_labels_and_units_are_those_declared(
    kym: KymDataset, name: str, params: dict[str, object], expected: dict[str, str]
) -> None:
    found = titles(drawn(kym, name, params))
    turned = {"x": found.get("y"), "y": found.get("x"), "color": found.get("color")}
    for axis, label in expected.items():
        assert label in (found.get(axis), turned[axis]), found


def test_what_is_given_goes_before_what_is_declared(kym: KymDataset) -> None:
    spec = drawn(kym, "event_rate", {"by": "image_id"}, y="n_events", title="Mine", width=300)
    assert titles(spec)["y"] == "n events"
    assert (spec["title"]["text"], spec["width"]) == ("Mine", 300)
    as_dots = drawn(kym, "strongest_events", kind="hist")
    assert "count" in titles(as_dots).values()
    with pytest.raises(UsageError, match=r"no column 'n_evnts' to plot; there are group, n_images"):
        drawn(kym, "event_rate", y="n_evnts")
    with pytest.raises(UsageError, match="no query 'event_rat'"):
        drawn(kym, "event_rat")
    with pytest.raises(UsageError, match="no rows to plot"):
        drawn(kym, "duplicate_events", {"within_s": 0.001})


def test_bars_of_nothing_stand_on_the_axis(kym: KymDataset) -> None:
    for name in ("ann", "bob") * 2:
        Reviews(kym.dataset, reviewer=name).undo()
    kym.update_index(VelocityEventIndexer(), on_error="record")
    spec = drawn(kym, "review_progress")
    assert spec["encoding"]["y"]["scale"]["domain"] == [0, 1]
