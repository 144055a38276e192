"""The journal is the truth: whole after a kill, after another program, after two at once."""

from __future__ import annotations

import logging
import subprocess
import sys
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.errors import ReviewConflictError, ReviewError
from kymflow.core.review.decision import EventKey
from kymflow.core.review.event_rows import save_events
from kymflow.core.review.journal import Journal
from kymflow.core.review.replay import disagreements, replay
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.state import key_of, replayed
from kymflow.core.velocity_events.tests.test_reviewed import event
from kymflow_zarr import ZarrDataset

EVENTS = "velocity_events/events"
KEY = EventKey("a", 1, 1, "0")
SECOND = EventKey("a", 1, 1, "1")


def reviewable(dataset: ZarrDataset, image_id: str = "a") -> Reviews:
    with dataset.stage_image(image_id) as staged:
        staged.save_json("velocity_events/params", {})
    rows = [{**event(float(n)), "event_id": str(n), "strength": 1.5} for n in range(4)]
    save_events(dataset.record(image_id), rows)
    return Reviews(dataset, reviewer="ann")


@pytest.fixture
def reviews(dataset: ZarrDataset) -> Reviews:
    return reviewable(dataset)


def value(reviews: Reviews, name: str, key: EventKey = KEY) -> Any:
    events = reviews.events(key.image_id).filter(event_id=key.event_id)
    return events[name].item()


def again(reviews: Reviews, reviewer: str = "ann") -> Reviews:
    """Open the dataset anew, as a later process would."""
    return Reviews(ZarrDataset(reviews.dataset.path, mode="a"), reviewer=reviewer)


def overwrite(reviews: Reviews, events: pl.DataFrame) -> None:
    reviews.dataset.record("a").save_df_parquet(EVENTS, events)


def test_undo_and_redo_outlive_the_process(reviews: Reviews) -> None:
    for label in ("true_stall", "reversal", "other"):
        again(reviews).label([KEY], label)
    seen = []
    for turn in ("undo", "undo", "undo", "redo", "redo", "undo", "redo", "redo"):
        getattr(again(reviews), turn)()
        seen.append(value(reviews, "user_type"))
    three = ["reversal", "true_stall", "unreviewed"]
    assert seen == [*three, "true_stall", "reversal", "true_stall", "reversal", "other"]
    again(reviews).undo()
    again(reviews).label([KEY], "true_stall")
    with pytest.raises(ReviewError, match="undone nothing"):
        again(reviews).redo()


def test_who_saw_another_state_decides_nothing(reviews: Reviews) -> None:
    seen = {KEY: {"user_type": "unreviewed", "rejected": False}, SECOND: {"note": ""}}
    verbs = {
        "label": lambda own: own.label([SECOND, KEY], "other"),
        "reject": lambda own: own.reject([KEY]),
        "edit": lambda own: own.edit(KEY, start=0.0),
        "remove": lambda own: own.remove([KEY]),
    }
    again(reviews, "bob").label([KEY], "true_stall")
    for verb in verbs.values():
        with pytest.raises(ReviewConflictError, match="user_type is 'true_stall'"):
            verb(again(reviews).expecting(seen))
    assert [decision.reviewer for decision in reviews.journal.decisions()] == ["bob"]
    assert value(reviews, "user_type", SECOND) == "unreviewed"
    now = {**seen, KEY: {"user_type": "true_stall", "rejected": False}}
    verbs["label"](again(reviews).expecting(now))
    assert value(reviews, "user_type") == value(reviews, "user_type", SECOND) == "other"


def test_undo_is_about_ones_own_decisions(reviews: Reviews) -> None:
    reviews.label([KEY], "true_stall")
    bob = again(reviews, "bob")
    bob.note([SECOND], "hm")
    assert reviews.undo().verb == "label"
    assert (value(reviews, "user_type"), value(reviews, "note", SECOND)) == ("unreviewed", "hm")
    with pytest.raises(ReviewError, match="ann has nothing to undo"):
        reviews.undo()


def test_a_torn_last_line_is_said_and_nothing_else_is_lost(
    reviews: Reviews, caplog: pytest.LogCaptureFixture
) -> None:
    reviews.label([KEY], "true_stall")
    reviews.note([KEY], "clear")
    path = reviews.dataset.path / "review" / "ann.jsonl"
    whole = path.read_bytes()
    for cut in (1, 40, len(whole.splitlines()[1]) - 1):
        path.write_bytes(whole + whole.splitlines()[1][:cut])
        assert Journal(reviews.dataset).damaged() == [(path, 3)]
        assert len(Journal(reviews.dataset).decisions()) == 2
    with caplog.at_level(logging.WARNING):
        again(reviews).reject([KEY])
    assert "half an entry" in caplog.text
    journal = Journal(reviews.dataset)
    assert [each.verb for each in journal.decisions()] == ["label", "note", "reject"]
    assert journal.damaged() == []
    [torn] = journal.torn()
    assert torn.read_bytes() == whole.splitlines()[1][:cut] + b"\n"


LABELLER = """
import sys
from kymflow.core.review.decision import EventKey
from kymflow.core.review.reviews import Reviews
from kymflow_zarr import ZarrDataset
path, reviewer, event_id = sys.argv[1:]
reviews = Reviews(ZarrDataset(path, mode="a"), reviewer=reviewer)
for number in range(25):
    reviews.note([EventKey("a", 1, 1, event_id)], f"{reviewer} {number}")
    reviews.label([EventKey("a", 1, 1, "3")], ("true_stall", "other")[number % 2])
"""


@pytest.mark.long
@pytest.mark.parametrize("names", [("ann", "bob"), ("ann", "ann")])
def test_processes_that_decide_at_once_lose_nothing(
    reviews: Reviews, names: tuple[str, str]
) -> None:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", LABELLER, str(reviews.dataset.path), name, event_id]
        )
        for name, event_id in zip(names, ("0", "1"), strict=True)
    ]
    assert [process.wait(timeout=120) for process in running] == [0, 0]
    decisions = Journal(reviews.dataset).decisions()
    assert len(decisions) == 100
    assert all(a.decided_at <= b.decided_at for a, b in pairwise(decisions))
    assert value(reviews, "note") == f"{names[0]} 24"
    assert value(reviews, "note", SECOND) == f"{names[1]} 24"
    assert list(disagreements(reviews.dataset)) == []
    last = [c.after for d in decisions for c in d.changes if c.key.event_id == "3"][-1]
    assert last == {"user_type": value(reviews, "user_type", EventKey("a", 1, 1, "3"))}


@pytest.mark.wide
@pytest.mark.parametrize("verb", ["label", "reject", "edit", "add", "remove", "undo", "redo"])
def test_a_kill_between_journal_and_artifact_is_found_and_replayed(
    reviews: Reviews, verb: str
) -> None:
    added = key_of("a", reviews.add("a", start=8.0))
    reviews.note([KEY], "n")
    if verb == "redo":
        reviews.undo()
    before = reviews.events("a")
    {
        "label": lambda: reviews.label([KEY, SECOND], "other"),
        "reject": lambda: reviews.reject([KEY]),
        "edit": lambda: reviews.edit(KEY, end=0.5),
        "add": lambda: reviews.add("a", start=9.0),
        "remove": lambda: reviews.remove([added]),
        "undo": reviews.undo,
        "redo": reviews.redo,
    }[verb]()
    after = reviews.events("a")
    overwrite(reviews, before)
    [found] = disagreements(reviews.dataset)
    assert (found.behind, found.external) == (True, ())
    assert replay(reviews.dataset) == [found]
    assert reviews.events("a").equals(after)
    assert replay(reviews.dataset) == []
    overwrite(reviews, before)
    reviews.note([SECOND], "another decision")  # does the same before its own
    assert value(reviews, "note", SECOND) == "another decision"
    reviews.undo()
    assert reviews.events("a").equals(after)


def test_what_another_program_wrote_goes_into_the_journal(reviews: Reviews) -> None:
    reviews.label([KEY], "true_stall")
    reviews.edit(SECOND, end=1.5)
    first = pl.col("event_id") == "0"
    theirs = reviews.events("a").with_columns(
        user_type=pl.when(first).then(pl.lit("reversal")).otherwise("user_type"),
        t_end_s=pl.when(first).then("t_end_s").otherwise(pl.col("t_end_s") + 0.25),
    )
    overwrite(reviews, theirs)
    [found] = disagreements(reviews.dataset)
    assert "another program changed 2 events" in str(found)
    reviews.note([KEY], "later")
    assert value(reviews, "user_type") == "reversal"
    assert value(reviews, "t_end_s", SECOND) == 1.75
    external = [d for d in reviews.journal.decisions() if d.reviewer == "external"]
    assert sorted(d.verb for d in external) == ["edit", "label"]
    assert list(disagreements(reviews.dataset)) == []
    for _ in range(3):
        reviews.undo()
    assert value(reviews, "user_type") == "reversal"  # their verdict is theirs


def test_an_edit_of_what_was_decided_last_is_not_taken_for_a_crash(reviews: Reviews) -> None:
    reviews.label([KEY], "true_stall")
    overwrite(reviews, reviews.events("a").with_columns(user_type=pl.lit("reversal")))
    [found] = replay(reviews.dataset)
    assert (found.behind, len(found.external)) == (False, 1)
    assert value(reviews, "user_type") == "reversal"


def test_a_file_written_over_with_an_older_state_loses_no_decision(reviews: Reviews) -> None:
    before = reviews.events("a")
    reviews.label([KEY], "true_stall")
    reviews.note([KEY], "clear")
    reviews.reject([SECOND])
    reviews.edit(EventKey("a", 1, 1, "2"), end=2.5)
    reviews.add("a", start=8.0)
    after = reviews.events("a")
    overwrite(reviews, before.drop("rejected", "edited"))
    [found] = disagreements(reviews.dataset)
    assert (found.behind, found.external) == (True, ())
    replay(reviews.dataset)
    assert reviews.events("a").equals(after)


def test_a_removed_event_that_is_there_again_goes(reviews: Reviews) -> None:
    key = key_of("a", reviews.add("a", start=8.0))
    before = reviews.events("a")
    reviews.remove([key])
    reviews.note([KEY], "n")
    overwrite(reviews, before)
    replay(reviews.dataset)
    assert reviews.events("a").filter(event_type="User Added").is_empty()
    assert value(reviews, "note") == "n"


verbs = st.sampled_from(["label", "note", "reject", "restore", "edit", "add", "undo", "redo"])
steps = st.lists(
    st.tuples(verbs, st.sampled_from(["ann", "bob"]), st.integers(0, 3), st.integers(0, 9)),
    max_size=30,
)


@settings(max_examples=25, deadline=None)
@given(steps)
def test_replayed_journal_is_the_artifact_after_any_decisions(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[str, str, int, int]]
) -> None:
    dataset = ZarrDataset(tmp_path_factory.mktemp("model") / "data.zarr", mode="a")
    start = reviewable(dataset).events("a").to_dicts()
    given_verdicts = 0
    for verb, reviewer, number, choice in made:
        reviews = Reviews(dataset, reviewer=reviewer)
        key = EventKey("a", 1, 1, str(number))
        if verb in ("undo", "redo"):
            try:
                getattr(reviews, verb)()
            except ReviewError:
                continue
        elif verb == "label":
            reviews.label([key], ("true_stall", "reversal", "other")[choice % 3])
        elif verb == "note":
            reviews.note([key], f"note {choice}")
        elif verb == "edit":
            reviews.edit(key, end=number + choice / 10)
        elif verb == "add":
            reviews.add("a", start=float(choice))
        else:
            getattr(reviews, verb)([key])
        given_verdicts += 1
    decisions = Journal(dataset).decisions()
    assert len(decisions) == given_verdicts

    def by_key(rows: list[dict[str, Any]]) -> dict[EventKey, dict[str, Any]]:
        return {key_of("a", row): {n: v for n, v in row.items() if v is not None} for row in rows}

    now = by_key(Reviews(dataset).events("a").to_dicts())
    assert by_key(replayed("a", start, decisions)) == now
