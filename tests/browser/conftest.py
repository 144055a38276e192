from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Demo
from playwright.sync_api import Browser, Page, expect, sync_playwright

from kymflow.core.kym_dataset import KymDataset
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow_zarr import ZarrDataset
from tests.support import page as pages

# Without these Chromium asks its maker's hosts at every start.
QUIET = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
expect.set_options(timeout=30_000)  # a first chart takes 5 s where other tests run as well


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        assert not os.environ.get("CI"), "CI drives the page in Chromium, and there is none"
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=[*QUIET])
        yield browser
        browser.close()


@pytest.fixture
def own(demo: Demo, tmp_path: Path) -> ZarrDataset:
    """A copy of the demo, with its reviews indexed, to be changed."""
    shutil.copytree(demo.folder / "demo.zarr", tmp_path / "demo.zarr")
    dataset = ZarrDataset(tmp_path / "demo.zarr", mode="a")
    KymDataset(dataset).update_index(ReviewIndexer(), mode="incremental")
    return dataset


@pytest.fixture
def server(own: ZarrDataset) -> Iterator[pages.Page]:
    with pages.served(own.path) as page:
        yield page


class Watch:
    """What a page must not do: complain, fail, or ask anything beyond this machine."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.allowed: set[int] = set()

    def follow(self, page: Page) -> None:
        page.on("console", lambda told: self._console(told.type, told.text))
        page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: self._request(request.url))

    def _console(self, kind: str, text: str) -> None:
        refused = any(f"status of {status}" in text for status in self.allowed)
        if kind in ("error", "warning") and not refused:
            self.wrong.append(f"console: {text}")

    def _request(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "blob:", "data:")):
            self.wrong.append(f"asked for {url}")


@pytest.fixture
def watch() -> Iterator[Watch]:
    watching = Watch()
    yield watching
    assert watching.wrong == []


@pytest.fixture
def page(chromium: Browser, server: pages.Page, watch: Watch) -> Iterator[Page]:
    """The page, opened, at its first view."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, base_url=server.base)
    opened = context.new_page()
    watch.follow(opened)
    opened.goto(server.address)
    opened.wait_for_selector(".grid-row .cell")
    yield opened
    context.close()
