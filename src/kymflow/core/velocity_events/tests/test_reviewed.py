"""What people added to events outlives a new detection, and moves to the right event."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.review.carry_over import merge_reviewed
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow.core.velocity_events.tests.conftest import flow

EVENTS = "velocity_events/events"
REACH = 0.25


def event(start: float | None, **values: Any) -> dict[str, Any]:
    return {
        "roi_id": 1,
        "channel": 1,
        "event_type": "baseline_drop",
        "t_start_s": start,
        "peak_t_s": start,
        "user_type": "unreviewed",
        "note": "",
        **values,
    }


def gap(start: float, end: float, **values: Any) -> dict[str, Any]:
    return event(start, **{"t_end_s": end, "peak_t_s": None, "event_type": "nan_gap", **values})


def frame(events: list[dict[str, Any]], **further: Any) -> pl.DataFrame:
    numbered = [{"event_id": str(n), **each} for n, each in enumerate(events)]
    return pl.DataFrame(numbered, {**EVENT_SCHEMA, **further})


def merged(old: list[dict[str, Any]], new: list[dict[str, Any]], **further: Any):
    result = merge_reviewed(frame(old, **further), new, {(1, 1)}, reach=REACH)
    return result, result.events.to_dicts()


def stalls(n: int = 1) -> list[dict[str, Any]]:
    return [event(float(start), user_type="true_stall") for start in range(n)]


def test_unreviewed_events_go() -> None:
    result, events = merged([event(1.0), event(5.0, note="  ", user_type=None)], [event(2.0)])
    assert [e["t_start_s"] for e in events] == [2.0]
    assert (result.moved, result.kept) == (0, [])


@pytest.mark.parametrize("work", [{"user_type": "true_stall"}, {"note": "look here"}])
def test_work_moves_to_the_event_that_overlaps(work: dict[str, str]) -> None:
    result, events = merged([event(1.0, event_id="mine", **work)], [event(1.1), event(3.0)])
    assert [e["t_start_s"] for e in events] == [1.1, 3.0]
    assert events[0] | work == events[0]
    assert (events[0]["event_id"], events[1]["event_id"]) == ("mine", "0")
    assert events[1]["user_type"] == "unreviewed"
    assert (result.moved, result.kept) == (1, [])


def test_the_best_overlap_wins() -> None:
    old = [gap(1.0, 2.0, user_type="other")]
    _, events = merged(old, [gap(0.5, 1.2), gap(1.1, 1.9), gap(1.8, 5.0)])
    assert [e["user_type"] for e in events] == ["unreviewed", "other", "unreviewed"]


def test_of_equal_overlaps_the_nearest_peak_wins() -> None:
    old = [gap(1.0, 4.0, peak_t_s=2.0, user_type="other")]
    _, events = merged(old, [gap(1.0, 4.0, peak_t_s=3.5), gap(1.0, 4.0, peak_t_s=2.1)])
    assert [e["user_type"] for e in events] == ["unreviewed", "other"]


def test_each_event_takes_over_the_work_of_one() -> None:
    old = [event(1.0, user_type="reversal"), event(1.1, user_type="true_stall")]
    result, events = merged(old, [event(1.1)])
    assert [(e["t_start_s"], e["user_type"]) for e in events] == [
        (1.0, "reversal"),
        (1.1, "true_stall"),
    ]
    assert result.moved == 1
    assert [row["user_type"] for row in result.kept] == ["reversal"]


@pytest.mark.parametrize(
    "other",
    [
        event(1.0, event_type="baseline_rise"),
        event(1.0, roi_id=2),
        event(1.0, channel=2),
        event(1.0 + 2 * REACH + 0.001),
        event(None),
    ],
)
def test_work_without_a_partner_stays_as_it_was(other: dict[str, Any]) -> None:
    mine = event(1.0, event_id="7", user_type="true_stall", note="sure", score=-0.4)
    result, events = merged([mine], [other])
    [kept] = [e for e in events if e["note"] == "sure"]
    assert kept == dict.fromkeys(EVENT_SCHEMA) | mine
    assert len(events) == 2
    assert result.kept == [kept]


def test_what_people_added_stays_and_is_no_news() -> None:
    added = event(1.0, event_type="User Added", event_id="0")
    result, events = merged([added], [event(1.1)])
    assert [e["event_type"] for e in events] == ["User Added", "baseline_drop"]
    assert [e["event_id"] for e in events] == ["0", "1"]
    assert (result.moved, result.kept) == (0, [])


def test_events_of_what_was_not_searched_stay() -> None:
    result, events = merged([event(1.0, roi_id=5), event(1.0)], [])
    assert [(e["roi_id"], e["user_type"]) for e in events] == [(5, "unreviewed")]
    assert [row["roi_id"] for row in result.kept] == [5]


def test_further_columns_are_kept_and_move_along() -> None:
    old = [event(1.0, user_type="other", seen_by="ada"), event(9.0, note="x", seen_by="joe")]
    _, events = merged(old, [event(1.0), event(5.0)], seen_by=pl.String())
    assert [e["seen_by"] for e in events] == ["ada", None, "joe"]


def test_ids_are_unique_within_a_roi() -> None:
    old = [event(1.0, user_type="other", event_id="1"), event(9.0, note="x", event_id="0")]
    new = [event(float(t)) for t in range(1, 5)] + [event(1.0, channel=2), event(1.0, roi_id=2)]
    _, events = merged(old, new)
    for roi_id in (1, 2):
        ids = [e["event_id"] for e in events if e["roi_id"] == roi_id]
        assert len(ids) == len(set(ids))
    assert events[0]["event_id"] == "1"


times = st.floats(0, 20).map(lambda t: round(t, 2))
works = st.sampled_from([{}, {"user_type": "true_stall"}, {"note": "n"}])
drops = st.builds(lambda t, work: event(t, **work), times, works)
gaps = st.builds(lambda t, d, work: gap(t, t + d, **work), times, st.floats(0, 3), works)
many = st.lists(drops | gaps, max_size=12)


@given(many, many)
def test_no_work_is_lost_and_none_doubled(old: list[Any], new: list[Any]) -> None:
    unreviewed = [{**each, "user_type": "unreviewed", "note": ""} for each in new]
    before = frame(old)
    result = merge_reviewed(before, unreviewed, {(1, 1)}, reach=REACH)

    def work(events: pl.DataFrame) -> list[tuple[str, str]]:
        done = events.filter((pl.col("user_type") != "unreviewed") | (pl.col("note") != ""))
        return sorted(done.select("event_type", "user_type", "note").rows())

    assert work(result.events) == work(before)
    assert result.events.height == len(new) + len(result.kept)
    assert result.moved + len(result.kept) == len(work(before))
    assert result.events["t_start_s"].is_sorted()
    # Detecting the same events once more changes nothing.
    again = merge_reviewed(result.events, unreviewed, {(1, 1)}, reach=REACH)
    assert work(again.events) == work(before)
    assert again.events.height == result.events.height


def test_work_survives_detection_with_other_params(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0, 6.0))
    detect_dataset(dataset)
    events = record.load_df_parquet(EVENTS)
    drop = pl.col("event_type") == "baseline_drop"
    at_six = drop & pl.col("peak_t_s").is_between(5.5, 6.5)
    reviewed = events.with_columns(
        user_type=pl.when(at_six).then(pl.lit("true_stall")).otherwise("user_type"),
        note=pl.when(at_six).then(pl.lit("fine")).otherwise("note"),
    )
    mine = pl.DataFrame([event(8.0, event_type="User Added", event_id="u")], EVENT_SCHEMA)
    record.save_df_parquet(EVENTS, pl.concat([reviewed, mine]))

    report = detect_dataset(dataset, EventParams(win_cmp_sec=0.3, smooth_sec=0.2))
    assert (report.moved, report.kept) == (1, ())
    after = record.load_df_parquet(EVENTS)
    assert after.filter(pl.col("note") == "fine").select(
        "event_type", "user_type", "event_id"
    ).rows() == [("baseline_drop", "true_stall", events.filter(at_six)["event_id"].item())]
    assert after.filter(event_type="User Added").height == 1

    report = detect_dataset(dataset, EventParams(abs_score_floor=50.0, top_k_total=0))
    [kept] = report.kept
    assert (kept.image_id, kept.user_type, kept.note) == ("a", "true_stall", "fine")
    assert "baseline_drop" in str(kept)
    assert "was kept" in str(kept)
    left = record.load_df_parquet(EVENTS)
    assert left["event_type"].to_list() == ["baseline_drop", "User Added"]
    back = detect_dataset(dataset, EventParams())
    assert (back.moved, back.kept) == (1, ())


def test_reviewed_events_of_the_earlier_place_are_found(dataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))
    old = {"event_type": "baseline_drop", "t_start": 3.0, "t_peak": 3.0, "user_type": "true_stall"}
    record.save_df_csv_gz("velocity_events", pl.DataFrame([old, {**old, "user_type": None}]))
    report = detect_dataset(dataset, EventParams(top_k_total=0))
    assert (report.moved, report.kept) == (1, ())
    events = record.load_df_parquet(EVENTS).select("event_type", "user_type", "channel")
    assert events.rows() == [
        ("baseline_drop", "true_stall", 1),
        ("baseline_rise", "unreviewed", 1),
    ]
