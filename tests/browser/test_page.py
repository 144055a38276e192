"""The page in a real Chromium: each view and key, as people use them."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import polars as pl
import pytest
from playwright.sync_api import Browser, Page, Route, expect

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.review.journal import Journal
from kymflow.core.review.queue import draw, load_queue, save_queue
from kymflow.core.review.reviews import Reviews
from kymflow.core.velocity_events import get_params
from kymflow_zarr import ZarrDataset
from tests.browser.conftest import Watch
from tests.support import page as pages

pytestmark = pytest.mark.browser
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>"


def decide(page: Page, *keys: str) -> None:
    """Press keys, and wait until each decision was answered."""
    for key in keys:
        with page.expect_response("**/api/decide"):
            page.keyboard.press(key)


def labels(dataset: ZarrDataset) -> list[str]:
    decisions = [d for d in Journal(dataset).decisions() if d.verb == "label"]
    return [str((d.changes[0].after or {})["user_type"]) for d in decisions]


@pytest.fixture
def may_refuse(watch: Watch) -> None:
    watch.allowed |= {400, 409}


@pytest.mark.usefixtures("may_refuse")
def test_images_are_chosen_sorted_and_opened(page: Page) -> None:
    expect(page.locator(".told")).to_have_text("6 images")
    facet = page.locator(".facet", has_text="AngII").first
    facet.click()
    expect(page.locator("input.where")).to_have_value("condition = 'AngII'")
    expect(page.locator(".told")).not_to_have_text("6 images")
    page.reload()
    expect(page.locator("input.where")).to_have_value("condition = 'AngII'")
    page.get_by_role("button", name="Show all images").click()
    expect(page.locator(".told")).to_have_text("6 images")
    page.get_by_role("button", name="events", exact=True).click()
    page.get_by_role("button", name="events ▴").click()
    expect(page.get_by_role("button", name="events ▾")).to_be_visible()
    counts = page.locator(".grid-row .cell.number:nth-child(4)").all_inner_texts()
    assert [int(n) for n in counts] == sorted((int(n) for n in counts), reverse=True)
    page.locator("input.where").fill("depth >")
    page.keyboard.press("Enter")
    expect(page.locator(".wrong")).to_contain_text("syntax error")
    page.locator("input.where").fill("")
    page.keyboard.press("Enter")
    page.locator(".grid").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("ol.events")
    page.go_back()
    expect(page.locator(".told")).to_have_text("6 images")


def test_an_image_is_seen_and_decided_on_by_keyboard(page: Page, own: ZarrDataset) -> None:
    page.goto("/image?image=demo-00")
    page.wait_for_selector("ol.events li")
    page.keyboard.press("ArrowRight")
    expect(page.locator("ol.events li.current")).to_have_count(1)
    decide(page, "1", "r")
    page.keyboard.press("n")
    page.keyboard.type("zwei Zellen, 二つの細胞 " + HOSTILE)
    with page.expect_response("**/api/decide"):
        page.keyboard.press("Control+Enter")
    expect(page.locator("ol.events .note")).to_contain_text("二つの細胞 <img")
    [first, *_] = Reviews(own).events("demo-00").to_dicts()
    assert (first["user_type"], first["rejected"]) == ("true_stall", True)
    assert first["note"] == "zwei Zellen, 二つの細胞 " + HOSTILE
    for _ in range(3):
        with page.expect_response("**/api/undo"):
            page.keyboard.press("u")
    [first, *_] = Reviews(own).events("demo-00").to_dicts()
    assert (first["user_type"], first["rejected"], first["note"]) == ("unreviewed", False, "")
    page.keyboard.press("+")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("canvas.velocity")).to_have_attribute("data-drawn", re.compile("[0-9]+"))


def test_an_event_is_added_by_a_drag_and_its_edge_pulled(page: Page, own: ZarrDataset) -> None:
    page.goto("/image?image=demo-04&start=0&end=4")
    page.wait_for_selector("canvas.velocity[data-drawn]")
    box = page.locator("canvas.velocity").bounding_box()
    assert box is not None
    left, wide, middle = box["x"] + 58, box["width"] - 70, box["y"] + box["height"] / 2

    def x(time: float) -> float:
        return left + wide * time / 4

    page.keyboard.press("a")
    page.mouse.move(x(1), middle)
    page.mouse.down()
    page.mouse.move(x(1.5), middle, steps=4)
    with page.expect_response("**/api/add"):
        page.mouse.up()
    expect(page.locator("ol.events li.current")).to_contain_text("User Added")
    page.goto("/image?image=demo-04&start=0&end=4&event=user-0")
    page.wait_for_selector("ol.events li.current")
    page.wait_for_selector("canvas.velocity[data-drawn]")
    page.mouse.move(x(1.5), middle)
    page.mouse.down()
    page.mouse.move(x(2), middle, steps=4)
    with page.expect_response("**/api/decide"):
        page.mouse.up()
    [event] = Reviews(own).find("demo-04", "event_type = 'User Added'").frame.to_dicts()
    assert event["t_start_s"] == pytest.approx(1, abs=0.02)
    assert event["t_end_s"] == pytest.approx(2, abs=0.02)
    assert event["edited"]


def test_a_blind_queue_is_judged_by_keyboard_through_a_killed_server(
    chromium: Browser, own: ZarrDataset, watch: Watch, tmp_path: Path
) -> None:
    save_queue(own, draw(own, "first", size=8, reviewer="bob", seed=2))
    items = load_queue(own, "first").items
    watch.allowed |= {403}
    with pages.served(own.path, temporary=tmp_path) as server:  # one that is killed leaves files
        page = chromium.new_page(base_url=server.base)
        watch.follow(page)
        page.goto(server.address)
        page.goto("/review?queue=first")
        page.wait_for_selector("main[data-at='0']")
        for image in own.list_image_ids():
            assert image not in page.content()
        for place, key in enumerate(("1", "3", "r"), start=1):
            decide(page, key)
            page.wait_for_selector(f"main[data-at='{place}']")
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        page.keyboard.press("1")
        expect(page.locator(".message.error").first).to_contain_text("does not answer")
        page.close()
    watch.wrong = [each for each in watch.wrong if "net::ERR_CONNECTION_" not in each]
    with pages.served(own.path) as server:
        page = chromium.new_page(base_url=server.base)
        watch.follow(page)
        page.goto(server.address)
        page.goto("/review?queue=first")
        page.wait_for_selector("main[data-at='3']")
        expect(page.locator(".told")).to_contain_text("3 of 8 events judged")
        decide(page, "2")
        with page.expect_response("**/api/undo"):
            page.keyboard.press("u")
        page.wait_for_selector("main[data-at='3']")
        for place, key in enumerate(("Space", "2", "2", "2", "2"), start=4):
            decide(page, key)
            page.wait_for_selector(f"main[data-at='{min(place, 7)}']")
        expect(page.locator(".told")).to_contain_text("8 of 8 events judged")
        page.close()
    judged = {
        (row["image_id"], row["roi_id"], row["event_id"]): (row["user_type"], row["rejected"])
        for row in Reviews(own).find().frame.to_dicts()
    }
    wanted = ["true_stall", "other", None, None, "reversal", "reversal", "reversal", "reversal"]
    for item, label in zip(items, wanted, strict=True):
        found = judged[item.key.image_id, item.key.roi_id, item.key.event_id]
        if label is not None:
            assert found == (label, False)
    assert {d.target for d in Journal(own).decisions() if d.verb == "label"} == {"first"}


def test_an_event_that_is_not_shown_yet_is_not_judged(page: Page, own: ZarrDataset) -> None:
    save_queue(own, draw(own, "slow", size=4, reviewer="bob", seed=2))
    items = load_queue(own, "slow").items
    held: list[Route] = []
    passing = ["the first"]

    def hold(route: Route) -> None:
        if passing:
            route.continue_()
        else:
            held.append(route)
        passing.clear()

    page.route("**/api/image?*", hold)
    page.goto("/review?queue=slow")
    page.wait_for_selector("main[data-at='0']")
    decide(page, "1")
    for key in ("3", "n"):
        page.keyboard.press(key)
        expect(page.locator(".message").last).to_contain_text("nothing was decided")
    expect(page.locator("dialog")).to_have_count(0)
    assert held
    for route in held:
        route.continue_()
    page.wait_for_selector("main[data-at='1']")
    page.unroute("**/api/image?*")
    decide(page, "3")
    made = [d.changes[0] for d in Journal(own).decisions() if d.verb == "label"]
    assert [(c.key, (c.after or {})["user_type"]) for c in made] == [
        (items[0].key, "true_stall"), (items[1].key, "other"),
    ]  # fmt: skip


def test_a_review_goes_there_and_back(page: Page, own: ZarrDataset) -> None:
    page.goto("/review")
    page.locator("input.where").fill("event_type = 'baseline_drop'")
    page.keyboard.press("Enter")
    page.wait_for_selector("main[data-at='0']")
    page.keyboard.press("ArrowRight")
    page.wait_for_selector("main[data-at='1']")
    page.keyboard.press("ArrowLeft")
    page.wait_for_selector("main[data-at='0']")
    decide(page, "1")
    page.wait_for_selector("main[data-at='1']")
    page.keyboard.press("n")
    page.keyboard.type("unclear")
    with page.expect_response("**/api/decide"):
        page.keyboard.press("Control+Enter")
    page.reload()
    page.wait_for_selector("main[data-at='1']")
    expect(page.locator(".event-facts")).to_contain_text("unclear")
    with page.expect_response("**/api/undo"):
        page.keyboard.press("u")
    with page.expect_response("**/api/redo"):
        page.keyboard.press("Shift+U")
    page.keyboard.press("?")
    expect(page.locator("dialog.keys")).to_contain_text("undo your last decision")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert labels(own)[0] == "true_stall"


@pytest.mark.usefixtures("may_refuse")
def test_the_second_of_two_tabs_is_told_and_shown(page: Page, own: ZarrDataset) -> None:
    page.goto("/image?image=demo-00")
    page.wait_for_selector("ol.events li")
    page.keyboard.press("ArrowRight")
    other = page.context.new_page()
    other.goto("/image?image=demo-00")
    other.wait_for_selector("ol.events li")
    other.keyboard.press("ArrowRight")
    decide(other, "2")
    decide(page, "1")
    expect(page.locator(".message.error")).to_contain_text("reversal")
    expect(page.locator("ol.events li.current .word")).to_have_text("reversal")
    assert labels(own) == ["reversal"]


def test_events_are_chosen_and_decided_on_at_once(page: Page, own: ZarrDataset) -> None:
    page.goto("/events?where=event_type+%3D+%27baseline_drop%27")
    page.wait_for_selector(".grid-row .cell")
    told = page.locator("form .told").inner_text()
    n = int(told.split()[0])
    page.get_by_role("button", name="choose all").click()
    page.get_by_role("button", name="reject", exact=True).click()
    expect(page.locator("dialog")).to_contain_text(f"{n} events of")
    page.keyboard.press("Escape")
    assert not Journal(own).decisions()
    page.get_by_role("button", name="reject", exact=True).click()
    page.wait_for_selector("dialog")
    with page.expect_response("**/api/decide-listed"):
        page.keyboard.press("Enter")
    expect(page.locator(".message").last).to_contain_text("Done")
    assert Reviews(own).find(where="rejected").frame.height == n
    with page.expect_response("**/api/undo"):
        page.locator(".grid").press("u")
    assert Reviews(own).find(where="rejected").frame.is_empty()


def test_params_are_tried_and_applied(page: Page, own: ZarrDataset) -> None:
    page.goto("/tune?image=demo-01")
    counts = page.locator(".counts")
    expect(counts).to_have_attribute("data-state", "done")
    expect(counts).to_contain_text("0 gone")
    number = page.get_by_label("mad_k, exactly")
    number.fill("60")
    number.press("Tab")
    expect(counts).not_to_contain_text("0 gone")
    page.get_by_role("button", name="Apply to these images").click()
    page.wait_for_selector("dialog")
    page.keyboard.press("Enter")
    expect(page.locator(".job h2")).to_have_text("detect: done")
    assert get_params(own.record("demo-01")).mad_k == 60
    assert get_params(own.record("demo-00")).mad_k != 60


@pytest.mark.usefixtures("may_refuse")
def test_questions_are_asked_completed_drawn_and_kept(page: Page, own: ZarrDataset) -> None:
    page.goto("/ask")
    area = page.locator("textarea.sql")
    area.fill("")
    area.press_sequentially("SELECT event_type, count(*) AS n FROM kym_ev")
    expect(page.locator(".completions li.current")).to_contain_text("kym_events")
    page.keyboard.press("Tab")
    area.press_sequentially(" GROUP BY event_type")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    wanted = KymDataset(own).sql("SELECT DISTINCT event_type FROM kym_events").height
    expect(page.locator(".told")).to_have_text(f"{wanted} rows")
    page.locator("select[name=chart]").select_option("bar")
    picture = page.locator("figure img")
    expect(picture).to_be_visible()
    page.get_by_role("button", name="Save").click()
    page.keyboard.type("per_type")
    with page.expect_response("**/api/queries"):
        page.keyboard.press("Enter")
    assert "GROUP BY event_type" in (own.path / "queries" / "per_type.sql").read_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="csv").click()
    assert pl.read_csv(Path(download.value.path())).height == wanted
    page.locator("select").first.select_option("named:events_per_image")
    expect(page.locator(".told")).to_have_text("6 rows")
    page.locator(".grid-row .cell").first.dblclick()
    page.wait_for_selector("ol.events")
    page.goto("/ask?sql=SELECT+nothing")
    expect(page.locator("pre.wrong")).to_contain_text("nothing")


def test_a_point_of_a_chart_opens_its_image(page: Page, own: ZarrDataset) -> None:
    sql = "SELECT image_id, roi_id, event_id, t_start_s, strength FROM kym_events ORDER BY ALL DESC"
    page.goto(f"/ask?sql={sql}&chart=scatter&x=t_start_s&y=strength")
    picture = page.locator("figure img")
    expect(picture).to_be_visible()
    rows = KymDataset(own).sql(sql)
    place = rows["strength"].arg_max()  # the highest point of the picture
    box = picture.bounding_box()
    assert place is not None
    assert box is not None
    found = page.evaluate(
        """async (row) => {
          const address = document.querySelector("a[download]").href;
          const listing = new URL(address).searchParams.get("listing");
          const asked = `listing=${listing}&kind=scatter&x=t_start_s&y=strength`;
          const text = await (await fetch(`/api/chart?${asked}`)).text();
          const svg = new DOMParser().parseFromString(text, "image/svg+xml").documentElement;
          const places = [...svg.querySelectorAll(".mark-symbol path")].map((mark) => {
            let [x, y] = [0, 0];
            for (let node = mark; node; node = node.parentElement) {
              const shift = /translate\\(([^,]+),([^)]+)\\)/.exec(node.getAttribute("transform"));
              if (shift) [x, y] = [x + Number(shift[1]), y + Number(shift[2])];
            }
            return [x, y, Number(svg.getAttribute("width"))];
          });
          return places.sort((a, b) => a[1] - b[1])[0];
        }""",
        place,
    )
    scale = box["width"] / found[2]
    page.mouse.click(box["x"] + found[0] * scale, box["y"] + found[1] * scale)
    page.wait_for_selector("ol.events li.current")
    wanted = rows.row(place, named=True)
    assert f"image={wanted['image_id']}&" in page.url
    assert f"event={wanted['event_id']}&" in page.url


def test_steps_are_run_and_watched(page: Page, own: ZarrDataset) -> None:
    with page.expect_response("**/api/image?*"):
        page.goto("/image?image=demo-00")
    page.wait_for_selector("ol.events li")
    page.keyboard.press("ArrowRight")
    decide(page, "1")
    page.goto("/status")
    page.wait_for_selector("tr.due")
    page.get_by_role("button", name="Update the tables").click()
    expect(page.locator(".job h2")).to_have_text("index: done")
    expect(page.locator("tr.due", has_text="velocity_events")).to_have_count(0)
    expect(page.locator("tr.due", has_text="reviews")).to_have_count(0)
    found = KymDataset(own).sql("SELECT image_id FROM kym_events WHERE user_type = 'true_stall'")
    assert found["image_id"].to_list() == ["demo-00"]
    verdicts = KymDataset(own).staleness(VelocityEventIndexer())
    assert set(verdicts["action"]) == {"skip"}


def test_a_read_only_page_offers_nothing_that_writes(
    chromium: Browser, own: ZarrDataset, watch: Watch
) -> None:
    with pages.served(own.path, "--read-only") as server:
        page = chromium.new_page(base_url=server.base)
        watch.follow(page)
        page.goto(server.address)
        expect(page.locator(".who")).to_have_text("read only")
        page.goto("/image?image=demo-00")
        page.wait_for_selector("ol.events li")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("1")
        expect(page.locator(".actions button")).to_have_count(0)
        page.goto("/events")
        page.wait_for_selector(".grid-row .cell")
        page.keyboard.press("Control+a")
        page.goto("/status")
        page.wait_for_selector("tbody tr")
        page.close()
    assert not Journal(own).decisions()
