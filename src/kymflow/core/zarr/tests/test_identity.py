"""A sidecar says which state of its table it was written for, on both back ends."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import polars as pl
import pytest

from kymflow_zarr import ZarrDataset
from kymflow_zarr.tables.types import Change, TableKey

TABLE, RUNS = TableKey("t"), TableKey("t", "runs")
ROWS = pl.DataFrame({"image_id": ["a", "a"], "x": [1, 2]})


@pytest.fixture(params=["parquet", "ducklake"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> ZarrDataset:
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="a")
    if request.param == "ducklake":
        pytest.importorskip("duckdb_extension_ducklake")
        dataset.tables.convert("ducklake")
    return dataset


def commit(dataset: ZarrDataset, *tables: TableKey) -> None:
    asked = pl.DataFrame({"image_id": ["a"]})
    dataset.tables.commit([Change(key, "image_id", asked, ROWS, ROWS.clear()) for key in tables])


def matches(dataset: ZarrDataset) -> bool:
    return dataset.tables.read([TABLE, RUNS], lambda reader: reader.is_for_table(RUNS))


def test_written_together_they_match(kept: ZarrDataset) -> None:
    for _ in range(2):
        commit(kept, TABLE, RUNS)
        assert matches(kept)
        assert matches(ZarrDataset(kept.path, mode="r"))


def test_a_table_changed_alone_does_not_match_until_both_are_written(kept: ZarrDataset) -> None:
    commit(kept, TABLE, RUNS)
    kept.replace_rows_for_image_id("t", "a", ROWS.select("x")[:1])
    assert not matches(kept)
    commit(kept, RUNS)
    assert matches(kept)


def test_a_sidecar_written_before_any_table_does_not_match_a_later_one(kept: ZarrDataset) -> None:
    commit(kept, RUNS)
    kept.save_table("t", ROWS)
    assert not matches(kept)


def test_a_copy_matches_whatever_its_times_and_inodes(tmp_path: Path) -> None:
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="a")
    commit(dataset, TABLE, RUNS)
    copy = Path(shutil.copytree(dataset.path, tmp_path / "copy.zarr"))
    os.utime(copy / "tables" / "t.parquet", (1, 1))
    assert matches(ZarrDataset(copy, mode="r"))


def test_a_backup_of_the_table_alone_does_not_match(tmp_path: Path) -> None:
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="a")
    commit(dataset, TABLE, RUNS)
    file = dataset.path / "tables" / "t.parquet"
    shutil.copy2(file, tmp_path / "backup")
    dataset.replace_rows_for_image_id("t", "b", ROWS.select("x"))
    commit(dataset, RUNS)
    assert matches(dataset)
    shutil.copy2(tmp_path / "backup", file)
    assert not matches(dataset)
