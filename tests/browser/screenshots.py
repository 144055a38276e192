"""Make the pictures of docs/explore.md: `python -m tests.browser.screenshots FOLDER [dark]`."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from kymflow.cli.demo import run_demo
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow_zarr import ZarrDataset
from tests.browser.conftest import QUIET
from tests.support.page import served

SIZE = {"width": 1280, "height": 720}
TRIED = quote('{"abs_score_floor": 1.0}')
VIEWS = {
    "images": ("/images", ".thumbnail"),
    "image": ("/image?image=demo-02&start=0.5&end=6.5&event=1", "ol.events li"),
    "review": (f"/review?where={quote('true')}", "main[data-at]"),
    "events": ("/events", ".grid-row .cell"),
    "tune": (
        f"/tune?image=demo-03&params={TRIED}",
        "[data-state=done]",
    ),
    "ask": ("/ask?name=events_per_image", "figure img"),
    "status": ("/status", "tbody tr"),
}


def main(folder: Path, scheme: str) -> None:
    """Make a dataset, review some of it, and take a picture of each view."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        run_demo(Path(temporary) / "demo")
        path = Path(temporary) / "demo" / "demo.zarr"
        reviews = Reviews(ZarrDataset(path, mode="a"), reviewer="ann")
        for key in reviews.find("demo-00").keys[:2]:
            reviews.label([key], "true_stall")
        KymDataset(reviews.dataset).update_index(ReviewIndexer(), mode="incremental")
        with served(path) as server:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=[*QUIET]
            )
            page = browser.new_page(viewport=SIZE, color_scheme=scheme, base_url=server.base)
            page.goto(server.address)
            for name, (address, ready) in VIEWS.items():
                page.goto(address)
                page.wait_for_selector(ready)
                _take(page, folder / f"{name}.png")
            browser.close()


def _take(page: Page, path: Path) -> None:
    """Take a picture once nothing more is asked for."""
    page.wait_for_load_state("networkidle")
    page.mouse.move(0, 719)
    page.screenshot(path=path)
    Image.open(path).convert("RGB").save(path, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "dark" if "dark" in sys.argv[2:] else "light")
