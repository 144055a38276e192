"""The page's server in short: what it is asked at every start, and what it must never do."""

from __future__ import annotations

import httpx

from kymflow.core.review.journal import Journal
from kymflow.explore.app import STATIC
from kymflow_zarr import ZarrDataset
from tests.support.page import served


def test_the_page_shows_decides_and_keeps_others_out(own: ZarrDataset) -> None:
    with served(own.path) as page:
        assert httpx.get(f"{page.base}/").status_code == 403
        browser = page.open()
        assert httpx.get(page.address).status_code == 403
        assert browser.client.get("/").text == (STATIC / "index.html").read_text()
        assert browser.get("listing", kind="images").json()["n_rows"] == 6
        [event, *_] = browser.get("image", image="demo-00").json()["events"]
        key = {name: event[name] for name in ("roi_id", "channel", "event_id")}
        body = {"verb": "reject", "events": [{"image_id": "demo-00", **key}]}
        assert browser.post("decide", body, origin="http://evil.example").status_code == 403
        assert not Journal(own).decisions()
        assert browser.post("decide", body).status_code == 200
        assert [decision.verb for decision in Journal(own).decisions()] == ["reject"]
    assert page.process.returncode == 0


def test_everything_is_served_from_here() -> None:
    for path in STATIC.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not [part for part in ("http:", "https:", "//cdn", "@import") if part in text]
