"""What the page's server answers, against the same asked of the core or computed by hand."""

from __future__ import annotations

import io
import json
import os
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import polars as pl
import pytest
from PIL import Image

from kymflow.core.kym_dataset import KymDataset
from kymflow.core.review.journal import Journal
from kymflow.core.review.queue import draw, save_queue
from kymflow.core.review.reviews import Reviews
from kymflow.core.velocity_events import detect_dataset, get_params
from kymflow_zarr import ZarrDataset
from tests.support.page import Browser, Page, served

pytestmark = pytest.mark.long
FORMATS = ("csv", "tsv", "json", "jsonl", "markdown", "parquet", "arrow", "xlsx")


def listed(browser: Browser, **asked: object) -> pl.DataFrame:
    """A listing as a whole, window by window."""
    told = browser.get("listing", first=3, **asked).json()
    rows: list[list[object]] = []
    while len(rows) < told["n_rows"]:
        place = len(rows)
        window = {"listing": told["listing"], "from": place, "to": place + 7}
        rows += browser.get("rows", **window).json()
    assert rows[:3] == told["first"]
    names = [column["name"] for column in told["columns"]]
    return pl.DataFrame(rows, names, orient="row", infer_schema_length=None)


def seen(event: dict[str, object], image: str) -> dict[str, object]:
    names = ("user_type", "note", "rejected", "t_start_s", "peak_t_s", "t_end_s")
    key = {name: event[name] for name in ("roi_id", "channel", "event_id")}
    return {"image_id": image, **key, "seen": {name: event[name] for name in names}}


def test_images_come_with_how_many_events_count_and_were_reviewed(own: ZarrDataset) -> None:
    reviews = Reviews(own, reviewer="bob")
    [first, *_] = reviews.find("demo-00").keys
    reviews.label([first], "true_stall")
    KymDataset(own).update_index(_indexer("velocity_events"), mode="incremental")
    with served(own.path) as page:
        images = listed(page.open(), kind="images")
    counts = KymDataset(own).sql(
        "SELECT image_id, count(*) AS n FROM kym_events GROUP BY ALL ORDER BY image_id"
    )
    by_id = dict(images.select("image_id", "n_events").iter_rows())
    assert {image: n for image, n in by_id.items() if n} == dict(counts.iter_rows())
    assert len(by_id) == 6
    assert images.filter(pl.col("n_reviewed") > 0)["image_id"].to_list() == ["demo-00"]


def _indexer(name: str):
    from kymflow.core.kym_dataset import load_indexer

    return load_indexer(name)


def test_listings_are_chosen_and_sorted(reader: Browser) -> None:
    events = listed(
        reader, kind="events", where="event_type = 'baseline_drop'", sort="strength", desc=1
    )
    assert set(events["event_type"]) == {"baseline_drop"}
    strengths = events["strength"].to_list()
    assert strengths == sorted(strengths, reverse=True)
    images = listed(reader, kind="images", sort="n_events")
    assert images["n_events"].is_sorted()
    assert listed(reader, kind="images", where="-- all of them\ntrue").height == 6


@pytest.mark.parametrize("sort", ["nothing", 'image_id"; DROP TABLE x; --', "1"])
def test_columns_that_are_not_there_are_refused(reader: Browser, sort: str) -> None:
    answer = reader.get("listing", kind="images", sort=sort)
    assert answer.status_code == 400
    assert answer.json()["code"] == "query"


def test_facets_count_images(reader: Browser, shared_path: Path) -> None:
    facets = reader.get("facets").json()
    wanted = KymDataset(ZarrDataset(shared_path)).sql(
        "SELECT condition, count(*) AS n FROM kym_images GROUP BY condition"
    )
    own = {value: n for facet, value, n in facets if facet == "condition"}
    assert own == dict(wanted.iter_rows())
    assert {facet for facet, *_ in facets} == {"condition", "treatment", "date", "folder"}


@pytest.mark.parametrize("format_", FORMATS)
def test_downloads_are_what_the_query_answers(
    reader: Browser, shared_path: Path, format_: str
) -> None:
    sql = "SELECT image_id, count(*) AS n FROM kym_events GROUP BY image_id ORDER BY image_id"
    listing = reader.get("listing", kind="sql", sql=sql).json()["listing"]
    answer = reader.get("download", listing=listing, format=format_)
    assert answer.status_code == 200
    assert "attachment" in answer.headers["content-disposition"]
    wanted = KymDataset(ZarrDataset(shared_path)).sql(sql)
    if format_ == "csv":
        assert pl.read_csv(answer.content).equals(wanted)
    elif format_ == "parquet":
        assert pl.read_parquet(io.BytesIO(answer.content)).equals(wanted)
    elif format_ == "jsonl":
        assert pl.read_ndjson(io.BytesIO(answer.content)).equals(wanted)
    else:
        assert len(answer.content) > 40


def test_pixels_are_the_means_of_the_lines_of_each_column(
    reader: Browser, shared_path: Path
) -> None:
    pixels = ZarrDataset(shared_path).record("demo-01").load_array()
    answer = reader.get("pixels", image="demo-01", **{"from": 100, "to": 1_300}, columns=300)
    columns, rows = (int(answer.headers[f"x-{name}"]) for name in ("columns", "rows"))
    assert (columns, rows) == (300, pixels.shape[1])
    raster = np.frombuffer(answer.content, "<u2").reshape(rows, columns)
    low, high = (float(answer.headers[f"x-{name}"]) for name in ("low", "high"))
    means = pixels[100:1_300].astype(float).reshape(300, 4, -1).mean(axis=1)
    assert np.allclose(raster.T / 65_535 * (high - low) + low, means, atol=(high - low) / 65_000)


def test_traces_are_those_of_the_image(reader: Browser, shared_path: Path) -> None:
    [trace] = reader.get("trace", image="demo-01").json()["traces"]
    stored = ZarrDataset(shared_path).record("demo-01").load_df_parquet("velocity/trace")
    assert trace["time"] == stored["time"].to_list()
    wanted = stored["velocity"].fill_nan(None).to_list()
    assert trace["velocity"] == wanted


def test_pictures_are_pictures(reader: Browser) -> None:
    thumbnail = Image.open(io.BytesIO(reader.get("thumbnail", image="demo-00").content))
    assert thumbnail.size == (240, 48)
    assert len(thumbnail.convert("RGB").getcolors(20_000) or [0] * 20_001) > 50
    figure = reader.get("figure", image="demo-00", format="png", start=1, end=2)
    assert Image.open(io.BytesIO(figure.content)).width > 1_000
    drawn = reader.get("figure", image="demo-00", format="svg", start=1, end=2)
    assert drawn.text.startswith("<svg")
    chart = reader.get("chart", name="events_per_image")
    assert chart.text.startswith("<svg")
    assert reader.get("chart", name="nothing").json()["code"] == "usage"


def test_a_decision_is_on_disk_when_it_is_answered(browser: Browser, own: ZarrDataset) -> None:
    [event, *_] = browser.get("image", image="demo-00").json()["events"]
    body = {"verb": "label", "label": "reversal", "events": [seen(event, "demo-00")]}
    answer = browser.post("decide", body)
    assert answer.status_code == 200
    [decision] = Journal(own).decisions()
    assert (decision.verb, decision.reviewer) == ("label", "ann")
    [after, *_] = Reviews(own).events("demo-00").to_dicts()
    assert after["user_type"] == "reversal"
    assert answer.json()["images"]["demo-00"][0]["user_type"] == "reversal"
    assert browser.post("undo", {}).json()["n_events"] == 1
    [after, *_] = Reviews(own).events("demo-00").to_dicts()
    assert after["user_type"] == "unreviewed"
    assert browser.post("redo", {}).json()["verb"] == "label"
    [after, *_] = Reviews(own).events("demo-00").to_dicts()
    assert after["user_type"] == "reversal"


@pytest.mark.parametrize("verb", ["label", "note", "reject", "edit"])
def test_who_saw_another_state_is_told(browser: Browser, own: ZarrDataset, verb: str) -> None:
    [event, *_] = browser.get("image", image="demo-00").json()["events"]
    other = Reviews(own, reviewer="bob")
    [key, *_] = other.find("demo-00").keys
    if verb == "edit":
        other.edit(key, start=event["t_start_s"] - 0.01)
    else:
        other.label([key], "other")
    more = {"label": "reversal", "note": "mine", "start": 0.1}
    answer = browser.post("decide", {"verb": verb, "events": [seen(event, "demo-00")], **more})
    assert answer.status_code == 409
    assert answer.json()["code"] == "review-conflict"
    assert [decision.reviewer for decision in Journal(own).decisions()] == ["bob"]
    [now, *_] = browser.get("image", image="demo-00").json()["events"]
    again = browser.post("decide", {"verb": verb, "events": [seen(now, "demo-00")], **more})
    assert again.status_code == 200


def test_events_are_added_corrected_and_removed(browser: Browser, own: ZarrDataset) -> None:
    added = browser.post("add", {"image": "demo-04", "start": 1.0, "end": 1.5}).json()
    [event] = [e for e in added["images"]["demo-04"] if e["event_id"] == added["event_id"]]
    edit = {"verb": "edit", "events": [seen(event, "demo-04")], "end": 1.75}
    assert browser.post("decide", edit).status_code == 200
    [stored] = [
        e for e in Reviews(own).events("demo-04").to_dicts() if e["event_type"] == "User Added"
    ]
    assert (stored["t_start_s"], stored["t_end_s"]) == (1.0, 1.75)
    assert browser.post("decide", edit).status_code == 409
    remove = {"verb": "remove", "events": [{**seen(event, "demo-04"), "seen": None}]}
    assert browser.post("decide", remove).status_code == 200
    assert not [
        e for e in Reviews(own).events("demo-04").to_dicts() if e["event_type"] == "User Added"
    ]


def test_rows_are_decided_on_at_once_and_undone_at_once(browser: Browser, own: ZarrDataset) -> None:
    told = browser.get("listing", kind="events", where="event_type = 'baseline_drop'").json()
    body = {"verb": "reject", "listing": told["listing"], "ranges": [[0, 2], [1, told["n_rows"]]]}
    counted = browser.post("decide-listed", {**body, "dry_run": True}).json()
    assert counted["n_events"] == told["n_rows"] > 3
    assert not Journal(own).decisions()
    assert browser.post("decide-listed", body).json() == counted
    rejected = Reviews(own).find(where="rejected").frame
    assert rejected.height == told["n_rows"]
    assert set(rejected["event_type"]) == {"baseline_drop"}
    assert browser.post("undo", {}).json()["n_events"] == told["n_rows"]
    assert Reviews(own).find(where="rejected").frame.is_empty()


def test_progress_goes_on_where_one_was(browser: Browser) -> None:
    told = browser.get("listing", kind="events", where="true").json()
    names = [column["name"] for column in told["columns"]]
    rows = [dict(zip(names, row, strict=True)) for row in told["first"]]
    for row in rows[:2]:
        event = {name: row[name] for name in ("image_id", "roi_id", "channel", "event_id")}
        browser.post("decide", {"verb": "label", "label": "other", "events": [event]})
    progress = browser.get("progress", listing=told["listing"]).json()
    assert (progress["n"], progress["done"], progress["first"]) == (told["n_rows"], 2, 2)
    assert sum(done for _, done, _ in progress["groups"]) == 2
    browser.post("undo", {})
    assert browser.get("progress", listing=told["listing"]).json()["first"] == 1


def test_a_blind_queue_tells_no_image(own: ZarrDataset) -> None:
    save_queue(own, draw(own, "first", size=4, reviewer="bob", seed=1))
    real = own.list_image_ids()
    with served(own.path) as page:
        browser = page.open()
        told = browser.get("listing", kind="queue", queue="first")
        answers = [told]
        names = [column["name"] for column in told.json()["columns"]]
        row = dict(zip(names, told.json()["first"][0], strict=True))
        alias = row["image_id"]
        for path in ("image", "trace", "pixels"):
            answers.append(browser.get(path, image=alias, queue="first"))
        figure = browser.get("figure", image=alias, queue="first", format="svg")
        body = {"verb": "label", "label": "other", "queue": "first", "events": [seen(row, alias)]}
        answers += [figure, browser.post("decide", body), browser.post("undo", {"queue": "first"})]
        answers.append(browser.get("image", image=real[0], queue="first"))
        for answer in answers:
            told_text = answer.text.replace(real[0], "") if answer is answers[-1] else answer.text
            assert not [image for image in real if image in told_text], answer.url
            assert real[0] not in str(answer.headers)
        assert [answer.status_code for answer in answers] == [200] * 7 + [400]


def test_a_preview_is_what_a_detection_then_does(browser: Browser, own: ZarrDataset) -> None:
    params = json.dumps({"abs_score_floor": 0.6})
    told = browser.get("preview", image="demo-00", params=params).json()
    before = Reviews(own).events("demo-00").height
    detect_dataset(own, changes={"abs_score_floor": 0.6}, image_ids=["demo-00"])
    after = Reviews(own).events("demo-00")
    totals = told["totals"]
    assert totals["kept"] + totals["moved"] + totals["new"] == after.height
    assert totals["kept"] + totals["moved"] + totals["gone"] == before
    starts = [
        event["t_start_s"] for event in told["images"][0]["events"] if event["fate"] != "gone"
    ]
    assert sorted(starts) == sorted(after["t_start_s"])


def test_params_are_applied_and_detected(browser: Browser, own: ZarrDataset) -> None:
    body = {"image": "demo-01", "params": {"mad_k": 9.0}}
    assert browser.post("apply", body).status_code == 200
    job = _ended(browser)
    assert (job["step"], job["state"]) == ("detect", "done")
    assert get_params(own.record("demo-01")).mad_k == 9.0
    assert get_params(own.record("demo-02")).mad_k != 9.0
    assert browser.post("apply", {"image": "demo-01", "params": {"nothing": 1}}).status_code == 200
    assert _ended(browser)["error"]["code"] == "invalid-params"


def test_steps_run_one_at_a_time(browser: Browser, own: ZarrDataset) -> None:
    detect_dataset(own, changes={"mad_k": 5.0})
    due = [row for row in browser.get("status").json()["steps"] if row[1] == "update"]
    assert {row[0] for row in due} == {"reviews", "velocity_events"}
    assert browser.post("job", {"step": "nothing"}).status_code == 400
    assert browser.post("job", {"step": "index"}).status_code == 200
    job = _ended(browser)
    assert job["state"] == "done"
    assert len(job["lines"]) == 4
    assert not [row for row in browser.get("status").json()["steps"] if row[1] == "update"]


def _ended(browser: Browser) -> dict[str, object]:
    while (job := browser.get("job").json())["state"] == "running":
        pass
    return job


def test_queries_are_kept_in_the_dataset(browser: Browser, own: ZarrDataset) -> None:
    body = {"name": "mine", "sql": "SELECT 1 AS x"}
    assert browser.post("queries", body).json()["saved"] == {"mine": "SELECT 1 AS x\n"}
    assert browser.post("queries", {**body, "sql": "SELECT 2"}).status_code == 400
    assert browser.post("queries", {**body, "sql": "SELECT 2", "replace": True}).status_code == 200
    assert (own.path / "queries" / "mine.sql").read_text() == "SELECT 2\n"
    assert browser.post("queries", {**body, "name": "../out"}).status_code == 400
    assert not (own.path.parent / "out.sql").exists()


def test_a_query_ends_when_nobody_waits_for_it(shared_page: Page, reader: Browser) -> None:
    sql = "SELECT count(*) FROM range(100000000000) t(a) WHERE hash(a) = 1"

    def children() -> set[str]:
        listed = Path(f"/proc/{shared_page.process.pid}/task").glob("*/children")
        return {pid for each in listed for pid in each.read_text().split()}

    before = children()
    with httpx.Client(base_url=shared_page.base, cookies=reader.client.cookies) as leaving:
        with pytest.raises(httpx.ReadTimeout):
            leaving.get("/api/listing", params={"kind": "sql", "sql": sql}, timeout=3)
        assert children() - before
    deadline = time.monotonic() + 15
    while children() - before and time.monotonic() < deadline:
        os.sched_yield()
    assert not children() - before


def test_answers_that_are_no_longer_kept_are_told_as_such(reader: Browser) -> None:
    answer = reader.get("rows", listing="nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


def test_the_same_question_is_asked_once(browser: Browser) -> None:
    found: list[str] = []
    ask = lambda: found.append(browser.get("listing", kind="events").json()["listing"])  # noqa: E731
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
