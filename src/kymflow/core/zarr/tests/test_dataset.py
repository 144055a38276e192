from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import zarr

from kymflow_zarr import (
    DatasetFormatError,
    DatasetNotFoundError,
    ImageNotFoundError,
    InvalidArrayError,
    ReadOnlyError,
    UsageError,
    ZarrDataset,
)

PIXELS = np.arange(32, dtype=np.uint16).reshape(8, 4)


def test_a_new_dataset_is_a_zarr_v3_group_that_names_its_format(dataset: ZarrDataset) -> None:
    group = zarr.open_group(str(dataset.path), mode="r")
    assert group.metadata.zarr_format == 3
    assert group.attrs["format"] == "kymflow_zarr_v1"
    assert group.attrs["schema_version"] == 1


def test_an_image_reads_back_and_lists(dataset: ZarrDataset) -> None:
    record = dataset.add_image(PIXELS, axes=["t", "x"], image_id="one")
    np.testing.assert_array_equal(record.load_array(), PIXELS)
    assert record.get_axes() == ["t", "x"]
    assert dataset.list_image_ids() == ["one"]
    assert zarr.open_array(str(record.path / "data"), mode="r").shape == (8, 4)


def test_ids_are_uuids_unless_given(dataset: ZarrDataset) -> None:
    assert len(dataset.add_image(PIXELS).image_id) == 36


def test_an_id_is_used_once(dataset: ZarrDataset) -> None:
    dataset.add_image(PIXELS, image_id="one")
    with pytest.raises(UsageError, match="already"):
        dataset.add_image(PIXELS, image_id="one")


@pytest.mark.parametrize(
    "pixels",
    [np.zeros(3), np.zeros((0, 4)), np.zeros((1,) * 6), np.array([["a"]]), np.array([[None]])],
    ids=["1-D", "empty", "6-D", "text", "objects"],
)
def test_pixels_that_can_not_be_stored_leave_nothing(dataset: ZarrDataset, pixels: object) -> None:
    with pytest.raises(InvalidArrayError):
        dataset.add_image(pixels)
    assert dataset.list_image_ids() == []
    assert [p.name for p in (dataset.path / "images").iterdir()] == ["zarr.json"]


def test_deleting_removes_the_image_whole(dataset: ZarrDataset) -> None:
    dataset.add_image(PIXELS, image_id="one")
    dataset.delete_image("one")
    assert dataset.list_image_ids() == []
    with pytest.raises(ImageNotFoundError):
        dataset.delete_image("one")


def test_reading_mode_refuses_every_write(dataset: ZarrDataset) -> None:
    dataset.add_image(PIXELS, image_id="one")
    frame = dataset.load_manifest().select("image_id")
    reader = ZarrDataset(dataset.path, mode="r")
    before = sorted(p.relative_to(dataset.path) for p in dataset.path.rglob("*"))
    for write in (
        lambda: reader.add_image(PIXELS),
        lambda: reader.delete_image("one"),
        lambda: reader.save_table("t", {}),
        lambda: reader.delete_table("t"),
        lambda: reader.replace_rows_for_image_id("t", "one", {}),
        reader.update_manifest,
        lambda: reader.record("one").save_json("a", 1),
        lambda: reader.record("one").save_df_parquet("a", frame),
        lambda: reader.record("one").save_df_csv_gz("a", frame),
        lambda: reader.record("one").save_array_artifact("a", PIXELS),
        lambda: reader.record("one").save_array(PIXELS),
        lambda: reader.record("one").delete_analysis(),
    ):
        with pytest.raises(ReadOnlyError, match="reading only"):
            write()
    assert sorted(p.relative_to(dataset.path) for p in dataset.path.rglob("*")) == before


def test_opening_something_else_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError):
        ZarrDataset(tmp_path / "none", mode="r")
    (tmp_path / "notes.txt").write_text("mine")
    for mode in ("r", "a", "w"):
        with pytest.raises(DatasetFormatError, match="not a dataset"):
            ZarrDataset(tmp_path, mode=mode)
    zarr.create_group(str(tmp_path / "other.zarr"))
    for mode in ("r", "a", "w"):
        with pytest.raises(DatasetFormatError, match="'format'"):
            ZarrDataset(tmp_path / "other.zarr", mode=mode)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_newer_schema_version_is_refused(dataset: ZarrDataset) -> None:
    root = dataset.path / "zarr.json"
    metadata = json.loads(root.read_text())
    metadata["attributes"]["schema_version"] = 2
    root.write_text(json.dumps(metadata))
    with pytest.raises(DatasetFormatError, match="schema version 2"):
        ZarrDataset(dataset.path, mode="a")


def test_mode_w_starts_afresh_over_a_dataset_only(dataset: ZarrDataset) -> None:
    dataset.add_image(PIXELS)
    assert ZarrDataset(dataset.path, mode="w").list_image_ids() == []


def test_get_many_reads_blobs_in_order(dataset: ZarrDataset) -> None:
    for image_id in "ab":
        dataset.add_image(PIXELS, image_id=image_id).save_json("p", image_id)
    keys = [f"images/{i}/analysis/p.json" for i in ("b", "none", "a")]
    assert list(dataset.get_many(keys)) == [b'"b"', None, b'"a"']


def test_records_come_in_the_order_asked_for(dataset: ZarrDataset) -> None:
    for image_id in "cab":
        dataset.add_image(PIXELS, image_id=image_id)
    assert [r.image_id for r in dataset.iter_records()] == ["a", "b", "c"]
    assert [r.image_id for r in dataset.iter_records(order_by="created_utc")] == ["c", "a", "b"]
    with pytest.raises(UsageError, match="order_by"):
        list(dataset.iter_records(order_by="size"))


def test_the_manifest_tells_what_the_images_are(dataset: ZarrDataset) -> None:
    dataset.add_image(PIXELS, axes=["t", "x"], image_id="one")
    row = dataset.update_manifest().row(0, named=True)
    assert (row["image_id"], row["shape"], row["dtype"], row["axes"]) == (
        "one",
        [8, 4],
        "uint16",
        ["t", "x"],
    )
    assert dataset.load_manifest().row(0, named=True) == row


def test_an_image_appears_whole_or_not_at_all(dataset: ZarrDataset) -> None:
    def fail() -> None:
        with dataset.stage_image("one") as staged:
            staged.save_array(PIXELS)
            assert dataset.list_image_ids() == []
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert [p.name for p in (dataset.path / "images").iterdir()] == ["zarr.json"]


def test_an_interrupted_replacement_is_healed(dataset: ZarrDataset) -> None:
    record = dataset.add_image(PIXELS, image_id="one")
    aside = dataset.path / "images" / ".swapped" / "one"
    aside.parent.mkdir()
    os.replace(record.path, aside)
    again = ZarrDataset(dataset.path, mode="a")
    np.testing.assert_array_equal(again.record("one").load_array(), PIXELS)


def test_replacing_keeps_the_id(dataset: ZarrDataset) -> None:
    dataset.add_image(PIXELS, image_id="one").save_json("a", 1)
    with dataset.stage_image("one", replacing=True) as staged:
        staged.save_array(PIXELS + 1)
    np.testing.assert_array_equal(dataset.record("one").load_array(), PIXELS + 1)
    assert dataset.record("one").list_analysis_keys() == []
