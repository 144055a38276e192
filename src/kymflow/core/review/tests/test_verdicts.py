"""Verdicts side by side, and how far reviewers agree, worked out again in NumPy."""

from __future__ import annotations

import itertools

import numpy as np
import polars as pl
import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.review.decision import EventKey
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.state import key_of
from kymflow.core.review.verdicts import ReviewIndexer
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow.core.velocity_events.tests.conftest import flow
from kymflow_zarr import ZarrDataset

LABELS = ("true_stall", "reversal", "other")
QUERIES = ("agreement", "disagreements", "reviewer_progress", "review_log")


@pytest.fixture
def lab(dataset: ZarrDataset, add_trace) -> ZarrDataset:
    for number, image_id in enumerate("abc"):
        add_trace(image_id, flow(2.0, 4.0, 6.0, seed=number))
    detect_dataset(dataset, EventParams(top_k_total=0))
    return dataset


def keys(lab: ZarrDataset, image_id: str) -> list[EventKey]:
    rows = lab.record(image_id).load_df_parquet("velocity_events/events").to_dicts()
    return [key_of(image_id, row) for row in rows]


def indexed(lab: ZarrDataset) -> KymDataset:
    kym = KymDataset(lab)
    for indexer in (ImageIndexer(), ReviewIndexer()):
        kym.update_index(indexer, mode="incremental")
    return kym


def test_each_reviewers_standing_verdict_is_a_row(lab: ZarrDataset) -> None:
    ann, bob = (Reviews(lab, reviewer=name) for name in ("ann", "bob"))
    first, second, third, *_ = keys(lab, "a")
    ann.label([first, second], "true_stall")
    ann.note([first], "sure")
    bob.label([first], "other")
    bob.reject([second])
    bob.edit(third, start=0.5)
    ann.label([third], "other")
    ann.undo()
    added = ann.add("b", start=8.0, end=8.5)
    Reviews(lab, reviewer="eve").settle([second], "reversal")
    table = indexed(lab).dataset.load_table("kym_reviews")
    rows = {(r["reviewer"], r["image_id"], r["event_id"]): r for r in table.to_dicts()}
    told = {place: row["verdict"] for place, row in rows.items()}
    assert told == {
        ("ann", "a", first.event_id): "true_stall",
        ("ann", "a", second.event_id): "true_stall",
        ("ann", "b", added["event_id"]): "added",
        ("bob", "a", first.event_id): "other",
        ("bob", "a", second.event_id): "rejected",
        ("bob", "a", third.event_id): None,
        ("eve", "a", second.event_id): None,
    }
    assert rows["ann", "a", first.event_id]["note"] == "sure"
    assert rows["ann", "a", first.event_id]["n_decisions"] == 2
    assert rows["bob", "a", third.event_id]["t_start_s"] == 0.5
    assert rows["bob", "a", third.event_id]["edited"]
    assert rows["eve", "a", second.event_id]["settled"] == "reversal"
    assert rows["ann", "b", added["event_id"]]["added"]


@pytest.mark.long
def test_a_decision_makes_its_image_due_and_no_other(lab: ZarrDataset) -> None:
    kym = indexed(lab)
    assert kym.update_index(ReviewIndexer(), mode="incremental").skipped == 3
    reviews = Reviews(lab, reviewer="ann")
    reviews.label(keys(lab, "b")[:1], "other")
    staleness = kym.staleness(ReviewIndexer())
    due = staleness.filter(pl.col("action") != "skip")
    assert due.select("image_id", "reason").rows() == [("b", "params_changed")]
    assert kym.update_index(ReviewIndexer(), mode="incremental").rows == 1
    reviews.undo()
    assert kym.update_index(ReviewIndexer(), mode="incremental").rows == 0
    assert kym.update_index(ReviewIndexer(), mode="incremental").skipped == 3


def kappa(pairs: list[tuple[str, str]]) -> tuple[float, float]:
    """Work out Cohen's kappa and its standard error from the table of both verdicts."""
    kinds = sorted({kind for pair in pairs for kind in pair})
    table = np.zeros((len(kinds), len(kinds)))
    for one, other in pairs:
        table[kinds.index(one), kinds.index(other)] += 1
    share = table / table.sum()
    observed, chance = np.trace(share), float(share.sum(1) @ share.sum(0))
    error = np.sqrt(observed * (1 - observed) / len(pairs)) / (1 - chance)
    return (observed - chance) / (1 - chance), error


@pytest.mark.long
def test_agreement_is_cohens_kappa(lab: ZarrDataset) -> None:
    rng = np.random.default_rng(3)
    said: dict[str, dict[EventKey, str]] = {}
    for name in ("ann", "bob", "carl"):
        reviews = Reviews(lab, reviewer=name)
        said[name] = {}
        for key in itertools.chain(*(keys(lab, image_id) for image_id in "abc")):
            if rng.random() < 0.2:
                continue
            label = LABELS[int(rng.choice(3, p=[0.6, 0.3, 0.1]))]
            reviews.label([key], label)
            said[name][key] = label
    answer = {
        (row["reviewer_a"], row["reviewer_b"]): row
        for row in indexed(lab).query("agreement").iter_rows(named=True)
    }
    assert set(answer) == {("ann", "bob"), ("ann", "carl"), ("bob", "carl")}
    for (a, b), row in answer.items():
        both = [(said[a][key], said[b][key]) for key in said[a].keys() & said[b].keys()]
        assert row["n_both"] == len(both)
        assert row["n_agreed"] == sum(one == other for one, other in both)
        assert (row["kappa"], row["se_kappa"]) == pytest.approx(kappa(both))


@pytest.mark.long
def test_added_events_are_the_same_if_they_overlap(lab: ZarrDataset) -> None:
    ann, bob = (Reviews(lab, reviewer=name) for name in ("ann", "bob"))
    for reviews, shift in ((ann, 0.0), (bob, 0.1)):
        for start, label in ((0.2, "true_stall"), (0.9, "other"), (8.0, "reversal")):
            far = 1.0 if reviews is bob and start == 8.0 else shift
            reviews.add("a", start=start + far, end=start + far + 0.3, user_type=label)
    kym = indexed(lab)
    [row] = kym.query("agreement", within_s=0.0).rows(named=True)
    assert (row["n_both"], row["n_agreed"], row["kappa"]) == (2, 2, 1.0)
    [row] = kym.query("agreement", within_s=1.0).rows(named=True)
    assert (row["n_both"], row["n_agreed"]) == (3, 3)


def paired(lab: ZarrDataset, a: str, b: str, within_s: float) -> list[tuple[str, str]]:
    """Pair verdicts as the docs say, from what the journal says, one event after another."""
    rows = [r for r in lab.load_table("kym_reviews").to_dicts() if r["verdict"] is not None]
    by = {name: [r for r in rows if r["reviewer"] == name] for name in (a, b)}

    def place(row: dict[str, object]) -> tuple[object, ...]:
        return row["image_id"], row["roi_id"], row["channel"], row["event_id"]

    shared = {place(r) for r in by[a]} & {place(r) for r in by[b]}
    verdicts = {name: {place(r): r["verdict"] for r in by[name]} for name in by}
    pairs = [(verdicts[a][each], verdicts[b][each]) for each in shared]
    own = {name: [r for r in by[name] if r["added"] and place(r) not in shared] for name in by}

    def distance(one: dict[str, object], other: dict[str, object]) -> tuple[float, float, str]:
        ends = [r["t_end_s"] or r["t_start_s"] for r in (one, other)]
        gap = max(one["t_start_s"], other["t_start_s"]) - min(ends)
        return max(gap, 0), abs(one["t_start_s"] - other["t_start_s"]), other["event_id"]

    for one in own[a]:
        others = [r for r in own[b] if place(r)[:3] == place(one)[:3]]
        nearest = min(others, key=lambda r: distance(one, r), default=None)
        if nearest is None:
            continue
        back = [r for r in own[a] if place(r)[:3] == place(one)[:3]]
        is_nearest = min(back, key=lambda r: distance(nearest, r)) is one
        if is_nearest and distance(one, nearest)[0] <= within_s:
            pairs.append((one["verdict"], nearest["verdict"]))
    return [p for p in pairs if p[0] == p[1] or "added" not in p or "rejected" in p]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.long) for n in (1, 2))])
def test_pairs_are_as_worked_out_one_by_one(lab: ZarrDataset, seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ("ann", "bob", "carl")
    added: list[EventKey] = []
    for _ in range(60):
        reviews = Reviews(lab, reviewer=str(rng.choice(names)))
        if rng.random() < 0.6:
            image_id, start = str(rng.choice([*"abc"])), round(float(rng.uniform(0, 4)), 2)
            end = None if rng.random() < 0.3 else start + float(rng.uniform(0, 0.4))
            label = str(rng.choice([*LABELS, "unreviewed"]))
            row = reviews.add(image_id, start=start, end=end, user_type=label)
            added.append(key_of(image_id, row))
        elif added and rng.random() < 0.7:
            reviews.label([added[rng.integers(len(added))]], str(rng.choice(LABELS)))
        elif added:
            reviews.reject([added[rng.integers(len(added))]])
    kym = indexed(lab)
    for within_s in (0.0, 0.25):
        answer = kym.query("agreement", within_s=within_s)
        told = {(r["reviewer_a"], r["reviewer_b"]): r for r in answer.iter_rows(named=True)}
        for a, b in itertools.combinations(names, 2):
            both = paired(kym.dataset, a, b, within_s)
            row = told.get((a, b), {"n_both": 0, "n_agreed": 0})
            assert row["n_both"] == len(both)
            assert row["n_agreed"] == sum(one == other for one, other in both)


def test_an_event_that_both_judged_is_no_other_one_as_well(lab: ZarrDataset) -> None:
    """The one that ann added and bob judged is not held against the one that bob added beside."""
    ann, bob = (Reviews(lab, reviewer=name) for name in ("ann", "bob"))
    row = ann.add("a", start=2.0, end=2.4, user_type="other")
    bob.label([key_of("a", row)], "other")
    bob.add("a", start=2.1, end=2.5, user_type="reversal")
    kym = indexed(lab)
    [row] = kym.query("agreement").rows(named=True)
    assert (row["n_both"], row["n_agreed"]) == (1, 1)
    assert kym.query("disagreements").is_empty()


@pytest.mark.long
def test_an_event_added_without_a_label_contradicts_no_label(lab: ZarrDataset) -> None:
    ann, bob = (Reviews(lab, reviewer=name) for name in ("ann", "bob"))
    for start, label in ((0.5, "unreviewed"), (3.0, "unreviewed"), (5.0, "unreviewed")):
        ann.add("a", start=start, end=start + 0.2, user_type=label)
    bob.add("a", start=0.5, end=0.7, user_type="true_stall")
    bob.add("a", start=3.0, end=3.2)
    bob.reject([key for key in keys(lab, "a") if key.event_id == "user-2"])
    kym = indexed(lab)
    [row] = kym.query("agreement").rows(named=True)
    assert (row["n_both"], row["n_agreed"]) == (2, 1)
    [row] = kym.query("disagreements").rows(named=True)
    assert (row["event_id"], row["verdicts"]) == ("user-2", "ann: added; bob: rejected")


@pytest.mark.long
def test_added_events_are_disagreed_on_until_one_is_settled(lab: ZarrDataset) -> None:
    rows = {
        name: Reviews(lab, reviewer=name).add("a", start=start, end=3.0, user_type=label)
        for name, start, label in (
            ("ann", 2.0, "true_stall"),
            ("bob", 2.1, "other"),
            ("carl", 2.2, "other"),
        )
    }
    kym = indexed(lab)
    [row] = kym.query("disagreements").rows(named=True)
    assert (row["event_id"], row["t_start_s"], row["n_reviewers"]) == ("user-0", 2.0, 3)
    assert row["verdicts"] == "ann: true_stall; bob: other; carl: other"
    for name in ("bob", "carl"):
        Reviews(lab, reviewer="eve").settle([key_of("a", rows[name])], "other")
    indexed(lab)
    assert kym.query("disagreements").is_empty()


@pytest.mark.long
def test_disagreements_are_listed_until_they_are_settled(lab: ZarrDataset) -> None:
    ann, bob = (Reviews(lab, reviewer=name) for name in ("ann", "bob"))
    one, two, three, *_ = keys(lab, "a")
    ann.label([one, two, three], "true_stall")
    bob.label([one], "true_stall")
    bob.reject([two])
    bob.label([three], "other")
    kym = indexed(lab)
    listed = kym.query("disagreements")
    assert set(listed["event_id"]) == {two.event_id, three.event_id}
    told = dict(listed.select("event_id", "verdicts").iter_rows())
    assert told[two.event_id] == "ann: true_stall; bob: rejected"
    Reviews(lab, reviewer="eve").settle([two], "other")
    indexed(lab)
    assert kym.query("disagreements")["event_id"].to_list() == [three.event_id]


@pytest.mark.long
def test_progress_and_log_by_reviewer(lab: ZarrDataset) -> None:
    ann, bob = (Reviews(lab, reviewer=name) for name in ("ann", "bob"))
    one, two, *_ = keys(lab, "a")
    ann.label([one, two], "true_stall")
    ann.reject([two])
    ann.add("b", start=8.0)
    bob.note([one], "look again")
    kym = indexed(lab)
    rows = {row["reviewer"]: row for row in kym.query("reviewer_progress").iter_rows(named=True)}
    counts = ("n_images", "n_judged", "n_rejected", "n_added", "n_edited", "n_settled")
    assert [rows["ann"][name] for name in counts] == [2, 3, 1, 1, 0, 0]
    assert [rows["bob"][name] for name in counts] == [1, 0, 0, 0, 0, 0]
    of_ann = kym.query("reviewer_progress", by="folder").filter(reviewer="ann")
    assert of_ann["n_judged"].sum() == 3
    by_image = kym.query("reviewer_progress", by="image_id").filter(reviewer="ann")
    assert dict(by_image.select("group", "n_judged").iter_rows()) == {"a": 2, "b": 1}
    log = kym.query("review_log")
    assert log["decided_at"].is_sorted(descending=True)
    assert log["reviewer"].to_list()[0] == "bob"
    assert set(kym.query("review_log", reviewer="bob")["note"]) == {"look again"}
    assert kym.query("review_log", limit=2).height == 2


@pytest.mark.wide
@pytest.mark.parametrize("name", QUERIES)
def test_no_reviews_are_answered_with_none(dataset: ZarrDataset, name: str) -> None:
    assert indexed(dataset).query(name).is_empty()


@pytest.mark.wide
@pytest.mark.parametrize("name", QUERIES)
def test_odd_verdicts_are_answered(lab: ZarrDataset, name: str) -> None:
    kym = indexed(lab)
    empty = kym.dataset.load_table("kym_reviews")
    odd = pl.DataFrame(
        {
            "image_id": ["a"] * 4,
            "reviewer": ["x", "y", None, "z"],
            "event_id": ["1", "1", "1", None],
        }
    ).with_columns(
        t_start_s=pl.Series([float("nan"), float("inf"), None, -1.0]),
        verdict=pl.Series(["other", "other", None, "other"]),
        analysis_version=pl.lit("v"),
        params_hash=pl.lit("h"),
    )
    kym.dataset.save_table("kym_reviews", pl.concat([empty, odd], how="diagonal_relaxed"))
    answer = kym.query(name)
    if name == "agreement":  # x and y said the same of one event, though nobody knows when it is
        assert answer.select("reviewer_a", "reviewer_b", "n_both", "n_agreed").rows() == [
            ("x", "y", 1, 1)
        ]
    elif name == "disagreements":
        assert answer.is_empty()
    elif name == "reviewer_progress":
        judged = dict(answer.select("reviewer", "n_judged").iter_rows())
        assert judged == {"x": 1, "y": 1, "z": 1, None: 0}
    else:
        assert answer.height == 4
