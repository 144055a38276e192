"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kymflow_zarr import ZarrDataset, ZarrImageRecord

AddImage = Callable[..., ZarrImageRecord]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests run over either kind of tables."""
    kinds = ("parquet", "ducklake")
    parser.addoption("--tables", choices=kinds, default="parquet", help="what tables are kept in")


@pytest.fixture
def plain_files(tables_in: str) -> None:
    """Skip what is about the files of plain tables."""
    if tables_in != "parquet":
        pytest.skip("about the files of plain tables")


@pytest.fixture
def tables_in(request: pytest.FixtureRequest) -> str:
    """Return what the tables of datasets are kept in."""
    return request.config.getoption("--tables")


@pytest.fixture
def dataset(tmp_path: Path, tables_in: str) -> ZarrDataset:
    """Return a new, empty dataset."""
    made = ZarrDataset(tmp_path / "data.zarr", mode="a")
    if tables_in != "parquet":
        made.tables.convert(tables_in)
    return made


@pytest.fixture
def add_image(dataset: ZarrDataset) -> AddImage:
    """Return a function that adds an image with params and as many events as asked."""

    def add(image_id: str, n_events: int = 1, **params: object) -> ZarrImageRecord:
        record = dataset.add_image(np.zeros((8, 4), np.uint16), axes="tx", image_id=image_id)
        record.save_json("velocity_events/params", params or {"mad_k": 3.0})
        save_events(record, n_events)
        return record

    return add


@pytest.fixture
def fill() -> Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]:
    """Return a function that adds images without pixels, each with so many events."""

    def fill(dataset: ZarrDataset, events: Mapping[str, int]) -> ZarrDataset:
        for image_id, n_events in events.items():
            with dataset.stage_image(image_id) as staged:
                staged.save_json("velocity_events/params", {"mad_k": 3.0})
                save_events(staged, n_events)
        return dataset

    return fill


def save_events(record: ZarrImageRecord, n_events: int) -> None:
    """Write an image's events artifact."""
    frame = pl.DataFrame(
        {
            "roi_id": [1] * n_events,
            "event_id": [str(n) for n in range(n_events)],
            "t_start_s": [0.5 * n for n in range(n_events)],
        },
        schema={"roi_id": pl.Int32, "event_id": pl.String, "t_start_s": pl.Float64},
    )
    record.save_df_parquet("velocity_events/events", frame)


@pytest.fixture
def set_events() -> Callable[[ZarrImageRecord, int], None]:
    """Return the function that replaces an image's events."""
    return save_events


@pytest.fixture(scope="session")
def lab_data() -> Path:
    """Return the folder of real lab data; skip where it is absent."""
    named = os.environ.get("KYMFLOW_LAB_DATA")
    path = Path(named) if named else Path(__file__).parent.parent / "shared" / "data"
    if not (path / "lab").is_dir():
        pytest.skip("real lab data is not here; KYMFLOW_LAB_DATA names its folder")
    return path


@pytest.fixture(scope="session")
def lab_folder(lab_data: Path) -> Path:
    """Return the real lab folder."""
    return lab_data / "lab"
