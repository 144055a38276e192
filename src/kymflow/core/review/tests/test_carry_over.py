"""Decisions outlive a new detection: none is lost, doubled, or brought back."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from kymflow.core.review.carry_over import Decided, merge_reviewed
from kymflow.core.review.decision import Change, Decision, EventKey
from kymflow.core.review.replay import disagreements
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.state import key_of, replayed
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow.core.velocity_events.tests.conftest import flow
from kymflow.core.velocity_events.tests.test_reviewed import REACH, event, frame
from kymflow_zarr import ZarrDataset

OTHER = EventParams(win_cmp_sec=0.3, smooth_sec=0.2)
BLIND = EventParams(abs_score_floor=50.0, top_k_total=0)
"""Params that find no drop at all."""
SHARP = EventParams(top_k_total=0)


@pytest.fixture
def reviews(dataset: ZarrDataset, add_trace) -> Reviews:
    """Return ann's reviews of an image with stalls at 3 s and 6 s."""
    add_trace("a", flow(3.0, 6.0))
    detect_dataset(dataset, SHARP)
    return Reviews(dataset, reviewer="ann")


def drops(reviews: Reviews) -> list[dict[str, Any]]:
    events = reviews.events("a").filter(event_type="baseline_drop")
    return events.sort("t_start_s").to_dicts()


def keys(reviews: Reviews) -> list[EventKey]:
    return [key_of("a", row) for row in drops(reviews)]


def labels(reviews: Reviews) -> dict[EventKey, str]:
    return {key_of("a", row): row["user_type"] for row in drops(reviews)}


def near(rows: list[dict[str, Any]], time: float) -> list[dict[str, Any]]:
    return [row for row in rows if abs(row["peak_t_s"] - time) < 0.5]


def as_replayed(reviews: Reviews) -> bool:
    rows = reviews.events("a").to_dicts()
    return replayed("a", rows, reviews.journal.of_image("a")) == rows


@pytest.mark.parametrize("between", [SHARP, OTHER, BLIND])
def test_a_rejected_event_stays_rejected(reviews: Reviews, between: EventParams) -> None:
    first, _ = keys(reviews)
    reviews.reject([first])
    for params in (between, SHARP):
        detect_dataset(reviews.dataset, params, mode="replace")
        [row] = near(drops(reviews), 3.0)
        assert row["rejected"]
        assert key_of("a", row) == first
        assert as_replayed(reviews)
    reviews.restore([first])
    assert not near(drops(reviews), 3.0)[0]["rejected"]


@pytest.mark.wide
@pytest.mark.parametrize("between", [SHARP, OTHER, BLIND])
@pytest.mark.parametrize(
    "times",
    [{"start": 2.9, "end": 4.1}, {"start": 4.0, "peak": 4.2, "end": 4.4}],
    ids=["about where it was", "far from where it was"],
)
def test_edited_times_stay_in_place_of_the_detectors(
    reviews: Reviews, between: EventParams, times: dict[str, float]
) -> None:
    first, _ = keys(reviews)
    edited = reviews.edit(first, **times)
    for params in (between, SHARP):
        detect_dataset(reviews.dataset, params, mode="replace")
        assert len(drops(reviews)) == (2 if params != BLIND else 1)
        [row] = [row for row in drops(reviews) if key_of("a", row) == first]
        for name in ("t_start_s", "peak_t_s", "t_end_s", "duration_s", "edited"):
            assert row[name] == edited[name]
        assert as_replayed(reviews)


def test_an_edit_that_is_undone_leaves_the_new_detectors_times(reviews: Reviews) -> None:
    first, second = keys(reviews)
    before = drops(reviews)[0]
    reviews.edit(first, start=2.0)
    reviews.undo()
    assert drops(reviews)[0] == before
    detect_dataset(reviews.dataset, OTHER)
    found = drops(reviews)[0]
    assert key_of("a", found) == first
    reviews.label([second], "other")  # brings the artifact to what the journal says
    assert drops(reviews)[0] == found
    reviews.undo()
    reviews.redo()
    assert as_replayed(reviews)


def test_a_removed_event_does_not_come_back(reviews: Reviews) -> None:
    row = reviews.add("a", start=8.0, end=8.5)
    whole = reviews.events("a")
    reviews.remove([key_of("a", row)])
    # A killed process wrote the journal, and not the artifact.
    reviews.dataset.record("a").save_df_parquet("velocity_events/events", whole)
    detect_dataset(reviews.dataset, OTHER)
    assert reviews.events("a").filter(event_type="User Added").is_empty()
    reviews.undo()
    assert reviews.events("a").filter(event_type="User Added").height == 1


def test_an_id_is_never_used_again(reviews: Reviews) -> None:
    first = reviews.add("a", start=8.0)
    reviews.remove([key_of("a", first)])
    second = reviews.add("a", start=9.0)
    assert first["event_id"] != second["event_id"]


def test_an_event_found_again_is_the_same_event(reviews: Reviews) -> None:
    before = keys(reviews)
    reviews.label(before[:1], "other")
    reviews.undo()
    detect_dataset(reviews.dataset, BLIND)
    assert before[0] not in keys(reviews)  # nobody's work was on it, so it went
    detect_dataset(reviews.dataset, SHARP)
    assert keys(reviews)[0] == before[0]
    reviews.redo()
    assert labels(reviews)[before[0]] == "other"
    assert len(keys(reviews)) == len(before)


def test_a_verdict_that_is_brought_back_brings_back_its_event(reviews: Reviews) -> None:
    """It was dropped by a detection while no verdict on it stood."""
    [first, second, *_] = keys(reviews)
    bob = Reviews(reviews.dataset, reviewer="bob")
    reviews.label([first, second], "other")
    bob.label([second], "unreviewed")
    reviews.undo()
    row = drops(reviews)[0]
    detect_dataset(reviews.dataset, BLIND)
    assert not {first, second} & set(keys(reviews))
    reviews.redo()
    assert labels(reviews)[first] == "other"
    assert second not in keys(reviews)
    bob.undo()
    assert labels(reviews)[second] == "other"
    assert drops(reviews)[0] == {**row, "user_type": "other"}
    assert not list(disagreements(reviews.dataset))
    detect_dataset(reviews.dataset, SHARP)
    assert keys(reviews) == [first, second]
    assert set(labels(reviews).values()) == {"other"}


def test_a_decision_that_reached_the_journal_only_is_carried_out(reviews: Reviews) -> None:
    first, _ = keys(reviews)
    before = reviews.events("a")
    reviews.label([first], "true_stall")
    reviews.dataset.record("a").save_df_parquet("velocity_events/events", before)
    detect_dataset(reviews.dataset, OTHER)
    assert near(drops(reviews), 3.0)[0]["user_type"] == "true_stall"


def test_what_another_program_wrote_is_not_undone(reviews: Reviews) -> None:
    first, second = keys(reviews)
    reviews.label([first], "true_stall")
    theirs = pl.when(event_id=second.event_id).then(pl.lit("reversal")).otherwise("user_type")
    events = reviews.events("a").with_columns(user_type=theirs)
    reviews.dataset.record("a").save_df_parquet("velocity_events/events", events)
    detect_dataset(reviews.dataset, OTHER)
    assert [row["user_type"] for row in drops(reviews)] == ["true_stall", "reversal"]


def test_two_reviewed_events_that_meet_one_are_both_there_and_it_is_said() -> None:
    old = [event(1.0, user_type="reversal"), event(1.1, rejected=True)]
    merged = merge_reviewed(frame(old, rejected=pl.Boolean()), [event(1.1)], {(1, 1)}, reach=REACH)
    rows = merged.events.to_dicts()
    assert [(row["user_type"], row["rejected"]) for row in rows] == [
        ("reversal", None),
        ("unreviewed", True),
    ]
    assert merged.moved == 1
    assert [row["event_id"] for row in merged.kept] == ["0"]
    assert merged.beside == {(1, 1, "0"): "1"}


def test_an_event_does_not_walk_to_its_neighbour() -> None:
    """Other params find one event between two; from there the second is the nearer one."""
    key = EventKey("a", 1, 1, "0")
    label = Decision("label", "ann", [Change(key, {}, {}, (1.0, 1.0, None))])
    decided = Decided.of("a", [label])
    events = frame([event(1.0, user_type="true_stall")])
    for found in ([event(1.21)], [event(1.0), event(1.4)]) * 5:
        events = merge_reviewed(events, found, {(1, 1)}, reach=REACH, decided=decided).events
    labelled = events.filter(user_type="true_stall")
    assert labelled["t_start_s"].to_list() == [1.0]
    assert events.height == 2


@pytest.mark.long
def test_fifty_detections_with_changing_params_lose_and_double_nothing(
    dataset: ZarrDataset, add_trace
) -> None:
    add_trace("a", flow(2.0, 4.0, 6.0, 8.0))
    detect_dataset(dataset, SHARP)
    reviews = Reviews(dataset, reviewer="ann")
    one, two, three, four = keys(reviews)
    reviews.label([one], "true_stall")
    reviews.note([one], "clear")
    reviews.reject([two])
    edited = reviews.edit(three, start=5.5, end=7.2)
    reviews.label([four], "other")
    reviews.undo()
    added = reviews.add("a", start=9.5, end=9.7, note="mine")
    first = reviews.events("a")
    for turn in range(50):
        params = (OTHER, BLIND, EventParams(win_cmp_sec=0.2, top_k_total=0), SHARP)[turn % 4]
        detect_dataset(dataset, params, mode="replace")
        by_key = {key_of("a", row): row for row in reviews.events("a").to_dicts()}
        assert (by_key[one]["user_type"], by_key[one]["note"]) == ("true_stall", "clear")
        assert by_key[two]["rejected"]
        times = ("t_start_s", "peak_t_s", "t_end_s")
        assert [by_key[three][n] for n in times] == [edited[n] for n in times]
        assert by_key[key_of("a", added)].items() >= added.items()
        found = drops(reviews)
        assert len(found) == (3 if params == BLIND else 4)
        for time in (2.0, 4.0):
            assert len(near(found, time)) == 1
        assert as_replayed(reviews)
    detect_dataset(dataset, SHARP, mode="replace")
    unnamed = pl.exclude("event_id")
    assert reviews.events("a").select(unnamed).equals(first.select(unnamed))
