from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Demo

from kymflow_zarr import ZarrDataset
from tests.support.page import Browser, Page, served


@pytest.fixture(scope="module")
def shared_path(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the demo, for the tests of a module that change nothing of it."""
    path = tmp_path_factory.mktemp("explore") / "demo.zarr"
    shutil.copytree(demo.folder / "demo.zarr", path)
    return path


@pytest.fixture(scope="module")
def shared_page(shared_path: Path) -> Iterator[Page]:
    with served(shared_path) as page:
        yield page


@pytest.fixture(scope="module")
def reader(shared_page: Page) -> Browser:
    return shared_page.open()


@pytest.fixture
def own(demo: Demo, tmp_path: Path) -> ZarrDataset:
    """A copy of the demo, to be changed."""
    shutil.copytree(demo.folder / "demo.zarr", tmp_path / "demo.zarr")
    return ZarrDataset(tmp_path / "demo.zarr", mode="a")


@pytest.fixture
def browser(own: ZarrDataset) -> Iterator[Browser]:
    with served(own.path) as page:
        yield page.open()
