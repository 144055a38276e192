from __future__ import annotations

import random
from typing import Any

import polars as pl
import pytest

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.lab_folder.event_merge import MergedEvents, merge_events
from kymflow.core.lab_folder.event_pairs import ADDED, pair_events
from kymflow.core.lab_folder.three_way import ABSENT, UNKNOWN
from kymflow_zarr import UsageError

Event = dict[str, Any]
SLOT_S = 3.0
"""Far enough apart that no event can be taken for another."""


def event(uid: int, **values: Any) -> Event:
    """Return an event at a time of its own; ``uid`` is for the test alone."""
    start = uid * SLOT_S
    kind = ("baseline_drop", "nan_gap", ADDED)[uid % 3]
    times = {
        "baseline_drop": {"t_start_s": start, "peak_t_s": start + 0.1, "score": -uid / 7},
        "nan_gap": {"t_start_s": start, "t_end_s": start + 0.6},
        ADDED: {"t_start_s": start, "t_end_s": start + 0.9},
    }
    place = {"roi_id": uid % 2, "channel": 1, "event_type": kind, "uid": uid}
    return {**place, "user_type": "unreviewed", "note": "", **times[kind], **values}


def frame(events: list[Event], *, numbered: bool = True) -> pl.DataFrame:
    """Return events as a file gives them: without ids, so that they are numbered by ROI."""
    counts: dict[int, int] = {}
    rows = []
    for each in events:
        number = counts[each["roi_id"]] = counts.get(each["roi_id"], -1) + 1
        rows.append({**each, "event_id": str(number)} if numbered else each)
    further = sorted({"uid", *(name for row in rows for name in row)} - EVENT_SCHEMA.keys())
    return pl.DataFrame(rows, {**EVENT_SCHEMA, **dict.fromkeys(further, pl.Int64)})


def by_uid(rows: pl.DataFrame | None) -> dict[int, Event]:
    """Return events by what they really are, less the ids that they go by."""
    found = {} if rows is None else {row["uid"]: row for row in rows.to_dicts()}
    return {
        uid: {
            name: value for name, value in row.items() if value is not None and name != "event_id"
        }
        for uid, row in found.items()
    }


EDITED = ("user_type", "note", "t_start_s", "t_end_s")


def edit(choose: random.Random, each: Event, *, here: bool) -> Event:
    """Change what a person changes in an event."""
    changed = dict(each)
    for name in choose.sample([*EDITED, *(["rating"] if here else [])], choose.randint(1, 2)):
        if name == "user_type":
            changed[name] = choose.choice(["true_stall", "reversal", "unreviewed"])
        elif name == "note":
            changed[name] = choose.choice(["", "seen", "doubtful"])
        elif name == "rating":
            changed[name] = choose.randint(1, 5)
        elif changed.get(name) is not None:
            changed[name] += choose.choice([-0.1, 0.05, 0.1])
    return changed


def worked_on(choose: random.Random, events: list[Event], first: int, *, here: bool) -> list[Event]:
    """Return events after a person changed some, removed some and added some."""
    kept = [
        edit(choose, each, here=here) if choose.random() < 0.5 else dict(each)
        for each in events
        if choose.random() < 0.8
    ]
    return [*kept, *(event(first + 3 * n + 2 - first % 3) for n in range(choose.randint(0, 2)))]


def said(each: Event | None, name: str) -> Any:
    value = None if each is None else each.get(name)
    return None if value in ("", "unreviewed") else value


def oracle(base: list[Event], theirs: list[Event], ours: list[Event]) -> tuple[dict, int]:
    """Merge event by event by what they really are; count the clashes."""
    sides = [{each["uid"]: each for each in side} for side in (base, theirs, ours)]
    merged: dict[int, Event] = {}
    clashes = 0
    for uid in {uid for side in sides for uid in side}:
        b, t, o = (side.get(uid) for side in sides)
        names = {name for each in (b, t, o) if each for name in each} - {"event_id"}
        changed_there = b and t and any(said(b, name) != said(t, name) for name in names)
        changed_here = b and o and any(said(b, name) != said(o, name) for name in names)
        if b is None:
            merged[uid] = o or t
        elif t is None and o is None:
            continue
        elif o is None:
            clashes += bool(changed_there)
        elif t is None:
            if changed_here:
                merged[uid] = o
                clashes += 1
        else:
            merged[uid] = dict(o)
            for name in names:
                before, there, here = said(b, name), said(t, name), said(o, name)
                if before == here and there != before:
                    merged[uid][name] = t.get(name)
                clashes += there not in (before, here) and here != before
    return merged, clashes


def plain(events: dict[int, Event]) -> dict[int, Event]:
    """Return events less what says nothing."""
    return {
        uid: {name: value for name in each if (value := said(each, name)) is not None}
        for uid, each in events.items()
    }


@pytest.mark.parametrize(
    "seeds", [range(80), pytest.param(range(80, 3000), marks=pytest.mark.long)]
)
def test_events_are_merged_as_what_they_really_are(seeds: range) -> None:
    for seed in seeds:
        check_a_merge(random.Random(seed))


def check_a_merge(choose: random.Random) -> None:
    events = [event(uid) for uid in range(choose.randint(0, 8))]
    base = frame(events)
    ours = frame(worked_on(choose, base.to_dicts(), 30, here=True), numbered=False)
    given_ids = ours["event_id"].is_null()
    ours = ours.with_columns(  # ids in the dataset stay with their events; new ones have new ids
        event_id=pl.when(given_ids)
        .then(pl.lit("new") + pl.col("uid").cast(pl.String))
        .otherwise(pl.col("event_id"))
    )
    there = [
        {name: value for name, value in row.items() if name != "event_id"}
        for row in worked_on(choose, base.to_dicts(), 60, here=False)
    ]
    choose.shuffle(there)
    theirs = frame(there)
    merged = merge_events(base, theirs, ours)
    expected, clashes = oracle(base.to_dicts(), theirs.to_dicts(), ours.to_dicts())
    for each in expected.values():
        each.pop("event_id")
    assert plain(by_uid(merged.rows)) == plain(expected)
    assert len(merged.clashes) == clashes
    assert merged.rows is not None
    assert not merged.rows.select("roi_id", "event_id").is_duplicated().any()
    ids = dict(ours.select("uid", "event_id").iter_rows())
    kept = merged.rows.filter(pl.col("uid").is_in(list(ids)))
    assert all(ids[uid] == event_id for uid, event_id in kept.select("uid", "event_id").iter_rows())
    check_that_it_lasts(base, theirs, merged)


def check_that_it_lasts(base: pl.DataFrame, theirs: pl.DataFrame, merged: MergedEvents) -> None:
    """A merge done again changes nothing, nor does one of a folder that did not change since."""
    again = merge_events(base, theirs, merged.rows)
    assert plain(by_uid(again.rows)) == plain(by_uid(merged.rows))
    assert merged.base is not None
    later = merge_events(merged.base, theirs, merged.rows)
    assert later.clashes == []
    assert later.rows is not None
    assert later.rows.equals(merged.rows)


def one(base: list[Event], theirs: list[Event], ours: list[Event]) -> MergedEvents:
    return merge_events(frame(base), frame(theirs), frame(ours))


DROP, GAP, OWN = event(3), event(4), event(5)


def test_a_change_on_one_side_is_taken() -> None:
    judged = {**DROP, "user_type": "true_stall"}
    for theirs, ours in ((judged, DROP), (DROP, judged), (judged, judged)):
        merged = one([DROP, GAP], [theirs, GAP], [ours, GAP])
        assert by_uid(merged.rows)[3]["user_type"] == "true_stall"
        assert merged.clashes == []


def test_changes_of_two_fields_meet_in_one_event() -> None:
    theirs, ours = {**GAP, "t_start_s": 11.9}, {**GAP, "t_end_s": 12.7, "note": "x"}
    merged = by_uid(one([GAP], [theirs], [ours]).rows)[4]
    assert (merged["t_start_s"], merged["t_end_s"], merged["note"]) == (11.9, 12.7, "x")


def test_the_duration_follows_the_ends() -> None:
    gap = {**GAP, "t_start_s": 12.0, "t_end_s": 13.0, "duration_s": 1.0}
    theirs = {**gap, "t_start_s": 11.5, "duration_s": 1.5}
    ours = {**gap, "t_end_s": 13.25, "duration_s": 1.25}
    merged = one([gap], [theirs], [ours])
    assert by_uid(merged.rows)[4]["duration_s"] == 1.75
    assert merged.clashes == []


def test_the_same_field_changed_on_both_sides_stays_as_it_is_here() -> None:
    merged = one([DROP], [{**DROP, "note": "there"}], [{**DROP, "note": "here"}])
    assert by_uid(merged.rows)[3]["note"] == "here"
    [clash] = merged.clashes
    assert str(clash) == (
        'baseline_drop of ROI 1, channel 1 at 9.000 s: note: "here" kept; '
        'the folder has "there", null before'
    )


def test_what_was_removed_here_does_not_come_back() -> None:
    merged = one([DROP, GAP], [DROP, GAP, OWN], [GAP])
    assert list(by_uid(merged.rows)) == [4, 5]
    merged = one([DROP, GAP], [{**DROP, "note": "there"}, GAP], [GAP])
    assert list(by_uid(merged.rows)) == [4]
    assert "stays removed; changed in the folder (note)" in str(merged.clashes[0])
    removed = merge_events(frame([DROP]), frame([DROP]), None)
    assert removed.rows is None


def test_what_was_removed_there_goes_unless_a_person_worked_on_it_here() -> None:
    assert list(by_uid(one([DROP, GAP], [GAP], [DROP, GAP]).rows)) == [4]
    for work in ({"note": "mine"}, {"rating": 5}, {"t_start_s": 8.9}):
        merged = one([DROP, GAP], [GAP], [{**DROP, **work}, GAP])
        assert sorted(by_uid(merged.rows)) == [3, 4]
        assert f"removed in the folder, but changed here ({next(iter(work))})" in str(
            merged.clashes[0]
        )


def test_an_event_of_roi_0_stays_there() -> None:
    zero = event(6)
    merged = one([zero], [zero, event(10)], [{**zero, "note": "x"}])
    assert set(by_uid(merged.rows)) == {6, 10}
    assert merged.rows["roi_id"].to_list() == [0, 0]


def test_a_list_that_is_gone_takes_only_what_nobody_touched() -> None:
    gone = merge_events(frame([DROP]), None, frame([DROP]))
    assert (gone.rows, gone.base, gone.clashes) == (None, None, [])
    kept = merge_events(frame([DROP]), None, frame([{**DROP, "note": "mine"}]))
    assert by_uid(kept.rows)[3]["note"] == "mine"
    assert len(kept.clashes) == 1
    detected = merge_events(ABSENT, None, frame([DROP]))
    assert (list(by_uid(detected.rows)), detected.clashes) == ([3], [])


def test_events_found_on_both_sides_are_one() -> None:
    theirs = {**DROP, "user_type": "true_stall", "score": None}
    merged = merge_events(ABSENT, frame([theirs, GAP]), frame([{**DROP, "note": "mine"}]))
    events = by_uid(merged.rows)
    assert sorted(events) == [3, 4]
    assert (events[3]["user_type"], events[3]["note"]) == ("true_stall", "mine")
    assert events[3]["score"] == DROP["score"]
    assert merged.clashes == []


def test_without_a_base_the_datasets_events_stand() -> None:
    ours = [{**DROP, "note": "here"}, OWN]
    merged = merge_events(UNKNOWN, frame([{**DROP, "note": "there"}, GAP]), frame(ours))
    assert plain(by_uid(merged.rows)) == plain({3: ours[0], 5: OWN})
    assert len(merged.clashes) == 3
    assert merged.base is not None
    later = merge_events(merged.base, frame([{**DROP, "note": "there"}, GAP]), merged.rows)
    assert later.clashes == []


def test_new_events_get_ids_that_none_of_their_roi_has() -> None:
    here = frame([DROP]).with_columns(event_id=pl.lit("1"))
    base = frame([DROP]).with_columns(event_id=pl.lit("1"))
    merged = merge_events(base, frame([DROP, event(7), event(9)]), here)
    ids = dict(merged.rows.select("uid", "event_id").iter_rows())
    assert ids == {3: "1", 7: "0", 9: "2"}


def test_a_file_that_names_its_events_is_taken_at_its_word() -> None:
    named = [{**DROP, "event_id": "x"}, {**DROP, "uid": 33, "event_id": "y"}]
    base = frame(named, numbered=False)
    moved = {**named[1], "t_start_s": 500.0, "peak_t_s": 501.0, "note": "there"}
    merged = merge_events(base, frame([moved, named[0]], numbered=False), base)
    assert by_uid(merged.rows)[33]["t_start_s"] == 500.0
    assert "note" not in by_uid(merged.rows)[3] or not by_uid(merged.rows)[3]["note"]


def test_columns_of_types_that_dont_go_together_are_refused() -> None:
    ours = frame([DROP]).with_columns(mine=pl.lit("text"))
    theirs = frame([{**DROP, "mine": 5}])
    with pytest.raises(UsageError, match="'mine'"):
        merge_events(frame([DROP]), theirs, ours)


def test_columns_of_either_side_are_kept() -> None:
    ours = frame([DROP, GAP]).with_columns(rating=pl.Series([None, 5]))
    theirs = frame([{**DROP, "drug": 7}, GAP])
    merged = merge_events(frame([DROP, GAP]), theirs, ours)
    assert merged.rows.select("rating", "drug").rows() == [(None, 7), (5, None)]


@pytest.mark.parametrize(
    ("other", "is_one"),
    [
        ({}, True),
        ({"t_start_s": 11.0}, True),
        ({"t_end_s": 14.0}, True),
        ({"t_start_s": 11.9, "t_end_s": 12.7}, True),
        ({"t_start_s": 12.4, "t_end_s": 14.0}, False),
        ({"t_start_s": 30.0, "t_end_s": 31.0}, False),
        ({"roi_id": 1}, False),
        ({"channel": 2}, False),
        ({"event_type": "zero_gap"}, False),
        ({"t_start_s": None, "t_end_s": None}, False),
        ({"t_start_s": float("nan")}, True),
    ],
)
def test_what_tells_that_two_events_are_one(other: Event, is_one: bool) -> None:
    assert bool(pair_events([GAP], [{**GAP, **other}])) == is_one


def test_a_drop_reaches_as_far_as_its_windows() -> None:
    assert pair_events([DROP], [{**DROP, "t_start_s": 8.95, "peak_t_s": 9.2}])
    assert not pair_events([DROP], [{**DROP, "t_start_s": 9.5, "peak_t_s": 9.6}])


def test_events_without_any_time_are_paired_in_their_order() -> None:
    bare = {"roi_id": 1, "channel": 1, "event_type": "x"}
    nan = {**bare, "t_start_s": float("nan")}
    assert pair_events([bare, nan], [nan, bare]) == {0: 0, 1: 1}
