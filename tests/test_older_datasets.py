"""Datasets written by earlier releases open, are fresh, and are checked clean.

The archives in ``tests/data`` hold three synthetic images with traces, events, their ledgers and
both tables, as the code before the rooms of today wrote them.
"""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

DATA = Path(__file__).parent / "data"


@pytest.fixture(params=["parquet", "ducklake"])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> ZarrDataset:
    with tarfile.open(DATA / f"written-by-0.1.0-dev-{request.param}.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # since Python 3.11.4
        archive.extractall(tmp_path)
    return ZarrDataset(tmp_path / "data.zarr", mode="a")


@pytest.mark.long
def test_an_older_dataset_is_fresh_and_clean(older: ZarrDataset) -> None:
    assert check(older).is_empty()
    kym = KymDataset(older)
    # Texts of the metadata are told from numbers by other rules than then.
    assert kym.staleness(ImageIndexer())["reason"].to_list() == ["version_changed"] * 3
    assert kym.update_index(ImageIndexer(), mode="incremental").updated == 3
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        assert kym.staleness(indexer)["action"].to_list() == ["skip"] * 3
        report = kym.update_index(indexer, mode="incremental")
        assert (report.updated, report.skipped, report.failed) == (0, 3, 0)
    assert detect_dataset(older).skipped == 3
    assert check(older).is_empty()


@pytest.mark.long
def test_its_rows_are_read_and_made_again(older: ZarrDataset) -> None:
    kym = KymDataset(older)
    before = kym.sql("FROM kym_velocity_events")
    assert before.height > 0
    kym.update_index(VelocityEventIndexer(), mode="replace")
    after = kym.sql("FROM kym_velocity_events").select(before.columns)
    assert after.equals(before)
