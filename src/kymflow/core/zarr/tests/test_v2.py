"""Datasets of the earlier kymflow: Zarr v2, written by other means than ours."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import zarr

from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow_zarr import ZarrDataset

PIXELS = np.arange(40, dtype=np.uint16).reshape(10, 4)
PARAMS = {"win_cmp_sec": 0.25, "mad_k": 3}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "old.zarr"
    root = zarr.create_group(str(path), zarr_format=2)
    root.attrs.update({"format": "kymflow_zarr_v1", "schema_version": 1})
    for image_id in ("a", "b"):
        group = root.create_group(f"images/{image_id}", attributes={"axes": ["y", "x"]})
        group.create_array("data", data=PIXELS)
        analysis = path / "images" / image_id / "analysis"
        (analysis / "velocity_events").mkdir(parents=True)
        (analysis / "metadata.json").write_text(
            json.dumps({"version": "2.0", "header": {"acquired_local_epoch_ns": 10**18}})
        )
        (analysis / "velocity_events" / "params.json").write_text(json.dumps(PARAMS, indent=4))
    events = pd.DataFrame({"roi_id": [1.0, np.nan], "event_id": [0, 1], "t_start": [0.5, 1.5]})
    events.to_parquet(path / "images/a/analysis/velocity_events/events.parquet")
    events[:1].to_csv(path / "images/b/analysis/velocity_events.csv.gz", index=False)
    return path


def test_it_opens_and_reads(old: Path) -> None:
    dataset = ZarrDataset(old, mode="r")
    assert (dataset.zarr_format, dataset.list_image_ids()) == (2, ["a", "b"])
    np.testing.assert_array_equal(dataset.record("a").load_array(), PIXELS)
    assert dataset.record("a").get_axes() == ["y", "x"]
    assert dataset.load_manifest()["shape"].to_list() == [[10, 4], [10, 4]]


def test_it_is_indexed(old: Path) -> None:
    dataset = ZarrDataset(old, mode="a")
    kym = KymDataset(dataset)
    kym.update_index(VelocityEventIndexer())
    kym.update_index(ImageIndexer())
    rows = dataset.load_table("kym_velocity_events")
    assert rows.select("image_id", "roi_id", "event_id", "t_start_s").rows() == [
        ("a", 1, "0", 0.5),
        ("a", None, "1", 1.5),
        ("b", 1, "0", 0.5),
    ]
    images = dataset.load_table("kym_images")
    assert images["dtype"].to_list() == ["uint16", "uint16"]
    assert images["acquired_at"][0].year == 2001


def test_rows_written_by_pandas_are_made_again_without_a_ledger(old: Path) -> None:
    digest = params_hash(PARAMS)
    table = pd.DataFrame(
        {
            "image_id": ["a", "a", "b"],
            "roi_id": [1.0, np.nan, 1.0],
            "note": [None, None, None],
            "analysis_version": ["kymflow.velocity_events@0.1"] * 3,
            "params_hash": [digest, digest, None],
        }
    )
    (old / "tables").mkdir()
    table.to_parquet(old / "tables" / "kym_velocity_events.parquet")
    kym = KymDataset(ZarrDataset(old, mode="a"))
    verdicts = kym.staleness(VelocityEventIndexer()).rows()
    assert verdicts == [("a", "update", "rows_changed", 2), ("b", "update", "mixed_provenance", 1)]
    report = kym.update_index(VelocityEventIndexer(), mode="incremental")
    assert (report.updated, report.skipped) == (2, 0)
    rows = kym.dataset.load_table("kym_velocity_events")
    assert rows["image_id"].to_list() == ["a", "a", "b"]
    assert rows["event_id"].to_list() == ["0", "1", "0"]


def test_an_image_can_be_added(old: Path) -> None:
    record = ZarrDataset(old, mode="a").add_image(PIXELS, image_id="c")
    assert (record.path / ".zgroup").exists()
    np.testing.assert_array_equal(ZarrDataset(old, mode="a").record("c").load_array(), PIXELS)
