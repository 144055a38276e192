"""Attacks on the page: each tries what another site, or another program, would try."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from conftest import Demo

from kymflow.core.review.journal import Journal
from kymflow.explore.app import VIEWS, make_app
from kymflow.explore.workspace import Workspace
from kymflow_zarr import ZarrDataset
from tests.support.page import Browser, Page, served

pytestmark = pytest.mark.long
LABEL = {"verb": "label", "label": "other", "events": []}


def event_of(reader: Browser, image: str = "demo-00") -> dict[str, object]:
    event = reader.get("image", image=image).json()["events"][0]
    names = ("roi_id", "channel", "event_id")
    return {"image_id": image, **{name: event[name] for name in names}}


def paths(dataset: ZarrDataset, scratch: Path) -> list[tuple[str, str]]:
    app = make_app(Workspace(dataset, scratch, "ann"), 1)._app
    return [
        (next(iter(route.methods - {"HEAD"})), route.path)
        for route in app.routes
        if hasattr(route, "methods")
    ]


def test_every_route_is_closed_without_the_cookie(
    shared_page: Page, shared_path: Path, tmp_path: Path
) -> None:
    routes = paths(ZarrDataset(shared_path, mode="a"), tmp_path)
    assert len(routes) > 20
    with httpx.Client(base_url=shared_page.base) as stranger:
        for method, path in [*routes, ("GET", "/static/main.js"), ("GET", "/nothing")]:
            answer = stranger.request(method, path)
            assert answer.status_code == 403, path
            assert "kymflow explore" in answer.json()["message"]
            assert shared_page.address.partition("token=")[2] not in answer.text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:{port}", "", "[::]"])
def test_every_route_refuses_another_host(
    shared_page: Page, reader: Browser, shared_path: Path, tmp_path: Path, host: str
) -> None:
    port = shared_page.base.rpartition(":")[2]
    for method, path in paths(ZarrDataset(shared_path, mode="a"), tmp_path):
        answer = reader.client.request(method, path, headers={"host": host.format(port=port)})
        assert answer.status_code in (400, 421), path


def test_the_token_opens_the_page_once(demo: Demo) -> None:
    with served(demo.folder / "demo.zarr", "--read-only") as page, httpx.Client() as first:
        wrong = first.get(f"{page.base}/?token=guess")
        assert wrong.status_code == 403
        answer = first.get(page.address + "&where=depth+%3E+1")
        assert answer.status_code == 303
        assert answer.headers["location"] == "/?where=depth+%3E+1"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert first.get(f"{page.base}/api/state").status_code == 200
        assert httpx.get(page.address).status_code == 403


def test_cookies_of_other_servers_open_nothing(shared_page: Page) -> None:
    port = shared_page.base.rpartition(":")[2]
    for value in ("", "guess", "é"):
        cookie = {"cookie": f"kymflow-{port}={value}".encode()}
        assert httpx.get(f"{shared_page.base}/api/state", headers=cookie).status_code == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"x-kymflow": ""},
    ],
)
def test_only_the_page_itself_may_write(
    reader: Browser, shared_path: Path, headers: dict[str, str]
) -> None:
    body = {**LABEL, "events": [event_of(reader)]}
    answer = reader.post("decide", body, **headers)
    assert answer.status_code == 403
    assert not Journal(ZarrDataset(shared_path)).decisions()


def test_every_answer_says_what_a_page_may_load(reader: Browser) -> None:
    addresses = [*(f"/{view}" for view in VIEWS), "/static/main.js", "/api/state", "/api/rows"]
    for address in addresses:
        headers = reader.client.get(address).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert not [name for name in headers if name.startswith("access-control")]


def test_other_sites_get_no_leave_to_ask(reader: Browser) -> None:
    answer = reader.client.options(
        "/api/decide",
        headers={"origin": "http://evil.example", "access-control-request-method": "POST"},
    )
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "path", ["../app.py", "..%2fapp.py", "%2e%2e/app.py", "/etc/passwd", "..\\app.py"]
)
def test_files_beside_the_page_are_not_served(reader: Browser, path: str) -> None:
    answer = reader.client.get(f"/static/{path}")
    assert answer.status_code in (404, 405)


def test_an_endless_body_is_cut_off(reader: Browser, shared_path: Path) -> None:
    body = {**LABEL, "events": [event_of(reader)], "note": "x" * (5 << 20)}
    try:
        # On a connection of its own: what the server has not read resets it.
        answer = reader.post("decide", body, connection="close")
    except httpx.HTTPError:
        answer = None
    assert answer is None or answer.status_code >= 400
    assert not Journal(ZarrDataset(shared_path)).decisions()
    assert reader.get("state").status_code == 200


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY (SELECT 1) TO '/elsewhere/written-by-a-query'",
        "ATTACH '/elsewhere/x.duckdb'",
        "SELECT 1; SELECT 2",
        "SELECT getenv('HOME')",
    ],
)
def test_queries_read_the_tables_and_nothing_else(reader: Browser, sql: str) -> None:
    answer = reader.get("listing", kind="sql", sql=sql)
    assert answer.status_code == 400
    assert answer.json()["code"] == "query"
    for kind in ("images", "events"):
        told = reader.get("listing", kind=kind, where=f"true) UNION {sql} --")
        assert told.status_code == 400


def test_a_read_only_page_has_no_route_that_writes(own: ZarrDataset, tmp_path: Path) -> None:
    read_only = ZarrDataset(own.path, mode="r")
    assert {method for method, _ in paths(read_only, tmp_path)} == {"GET"}
    with served(own.path, "--read-only") as page:
        browser = page.open()
        assert browser.get("state").json()["read_only"] is True
        for method, path in paths(own, tmp_path):
            if method == "POST":
                answer = browser.post(path.removeprefix("/api/"), {**LABEL, "step": "index"})
                assert answer.status_code in (404, 405), path
    assert not Journal(own).decisions()


def test_it_listens_to_this_machine_alone(shared_page: Page) -> None:
    assert shared_page.base.startswith("http://127.0.0.1:")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{", b"null", b'{"verb": 3}', b'{"verb": "label", "events": 1}']
)
def test_what_is_no_request_is_refused(reader: Browser, body: bytes) -> None:
    base = str(reader.client.base_url).rstrip("/")
    headers = {"origin": base, "x-kymflow": "1", "content-type": "application/json"}
    answer = reader.client.post("/api/decide", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["message"]
