"""The default mode: a path that was mistyped makes nothing, by whatever door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.lab_folder import import_folder
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import DatasetFormatError, DatasetNotFoundError, ZarrDataset

DOORS: dict[str, Callable[[ZarrDataset], object]] = {
    "list": lambda dataset: dataset.list_image_ids(),
    "iterate": lambda dataset: list(dataset.iter_records()),
    "pick": lambda dataset: dataset.pick_image_ids(["a"]),
    "get": lambda dataset: dataset["a"],
    "delete": lambda dataset: dataset.delete_image("a"),
    "tables": lambda dataset: dataset.list_table_names(),
    "load table": lambda dataset: dataset.load_table("kym_images"),
    "save table": lambda dataset: dataset.save_table("mine", pl.DataFrame({"a": [1]})),
    "manifest": lambda dataset: dataset.update_manifest(),
    "sql": lambda dataset: dataset.sql("SELECT 1"),
    "convert": lambda dataset: dataset.tables.convert("ducklake"),
    "index": lambda dataset: KymDataset(dataset).update_index(ImageIndexer()),
    "detect": lambda dataset: detect_dataset(dataset),
    "check": lambda dataset: list(check(dataset)),
}


@pytest.mark.parametrize("door", list(DOORS))
@pytest.mark.parametrize("empty", [False, True], ids=["nothing", "an empty folder"])
def test_where_there_is_no_dataset_none_is_made(tmp_path: Path, door: str, empty: bool) -> None:
    path = tmp_path / "typo.zarr"
    if empty:
        path.mkdir()
    with pytest.raises(DatasetNotFoundError) as caught:
        DOORS[door](ZarrDataset(path))
    assert str(path) in str(caught.value)
    assert list(tmp_path.rglob("*")) == [path] * empty


def test_the_first_image_makes_it(tmp_path: Path) -> None:
    path = tmp_path / "new.zarr"
    dataset = ZarrDataset(path)
    other = ZarrDataset(path)
    assert not path.exists()
    dataset.add_image(np.zeros((4, 4), np.uint8), image_id="a")
    assert dataset.list_image_ids() == other.list_image_ids() == ["a"]
    assert ZarrDataset(path, mode="r").list_image_ids() == ["a"]


def test_so_does_an_import(tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    tifffile.imwrite(tmp_path / "lab" / "a.tif", np.zeros((8, 4), np.uint8))
    dataset = ZarrDataset(tmp_path / "new.zarr")
    import_folder(tmp_path / "lab", dataset)
    assert dataset.list_image_ids()


def test_what_is_no_dataset_is_said_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatasetFormatError):
        ZarrDataset(tmp_path)
