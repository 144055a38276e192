"""Fixtures shared by all tests."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest

from kymflow.cli.demo import run_demo
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from tests.support import images

AddImage = Callable[..., ZarrImageRecord]
MadeOnce = Callable[[ZarrDataset, Callable[[ZarrDataset], object]], ZarrDataset]
BARE = Path(__file__).parent / "tests" / "support" / "bare"


@pytest.fixture(scope="session", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give tests and their child processes a place for temporary files, and see it left clean.

    Settings of theirs are apart from those of whoever runs them, and allow no host.

    Child processes are kept from pandas too: DuckDB 1.5 loads it where it is, for a second each.
    """
    temporary = tmp_path_factory.mktemp("temporary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr(tempfile, "tempdir", str(temporary))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("settings")))
        patch.delenv("KYMFLOW_TRUSTED_HOSTS", raising=False)
        patch.setenv("PYTHONPATH", str(BARE), prepend=os.pathsep)
        yield
    gc.collect()
    assert [path.name for path in temporary.glob("kymflow-*")] == []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the tests run over either kind of tables."""
    kinds = ("parquet", "ducklake")
    parser.addoption("--tables", choices=kinds, default="parquet", help="what tables are kept in")


@pytest.hookimpl(tryfirst=True)  # before what is long is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Make all variants of a wide test long but three: the first, one in the middle, the last."""
    variants: dict[str, list[pytest.Item]] = {}
    for item in items:
        if item.get_closest_marker("wide"):
            variants.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for own in variants.values():
        quick = {0, len(own) // 2, len(own) - 1}
        for place, item in enumerate(own):
            if place not in quick:
                item.add_marker(pytest.mark.long)


@pytest.fixture
def plain_files(tables_in: str) -> None:
    """Skip what is about the files of plain tables."""
    if tables_in != "parquet":
        pytest.skip("about the files of plain tables")


@pytest.fixture(scope="session")
def tables_in(request: pytest.FixtureRequest) -> str:
    """Return what the tables of datasets are kept in."""
    return request.config.getoption("--tables")


@pytest.fixture
def dataset(tmp_path: Path, tables_in: str) -> ZarrDataset:
    """Return a new, empty dataset."""
    return _made(tmp_path / "data.zarr", tables_in)


def _made(path: Path, tables_in: str) -> ZarrDataset:
    made = ZarrDataset(path, mode="a")
    if tables_in != "parquet":
        made.tables.convert(tables_in)
    return made


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory, tables_in: str) -> MadeOnce:
    """Return a function that fills an empty dataset: by making it, and from then on by a copy."""
    made: dict[Callable[[ZarrDataset], object], Path] = {}

    def fill(dataset: ZarrDataset, make: Callable[[ZarrDataset], object]) -> ZarrDataset:
        if make not in made:
            once = _made(tmp_path_factory.mktemp("made") / "data.zarr", tables_in)
            make(once)
            made[make] = once.path
        shutil.copytree(made[make], dataset.path, dirs_exist_ok=True)
        return dataset

    return fill


@pytest.fixture
def add_image(dataset: ZarrDataset) -> AddImage:
    """Return a function that adds an image with params and as many events as asked."""
    return partial(images.add_image, dataset)


@pytest.fixture
def fill() -> Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]:
    """Return a function that adds images without pixels, each with so many events."""

    def fill(dataset: ZarrDataset, events: Mapping[str, int]) -> ZarrDataset:
        for image_id, n_events in events.items():
            with dataset.stage_image(image_id) as staged:
                staged.save_json("velocity_events/params", {"mad_k": 3.0})
                images.save_events(staged, n_events)
        return dataset

    return fill


@pytest.fixture
def set_events() -> Callable[[ZarrImageRecord, int], None]:
    """Return the function that replaces an image's events."""
    return images.save_events


class Demo(NamedTuple):
    """Where the demo has run, and what it printed."""

    folder: Path
    printed: str


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return the demo as a terminal shows it, run once; for reading only."""
    folder = tmp_path_factory.mktemp("demo") / "kymflow-demo"
    with (
        contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as printed,
        patch("kymflow.cli.results.is_watched", return_value=True),
    ):
        run_demo(folder)
    printed.seek(0)
    return Demo(folder, printed.read())


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
