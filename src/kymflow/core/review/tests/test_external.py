"""What another program does to an events artifact is a decision: kept, on record, undoable."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.review.decision import EXTERNAL, Decision
from kymflow.core.review.findings import check_reviews
from kymflow.core.review.replay import disagreements, replay
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.state import key_of
from kymflow.core.velocity_events import EventParams, detect_dataset
from kymflow.core.velocity_events.tests.conftest import flow
from kymflow_zarr import ZarrDataset

EVENTS = "velocity_events/events"
SHARP = EventParams(top_k_total=0)
OTHER = EventParams(win_cmp_sec=0.3, smooth_sec=0.2, top_k_total=0)
BLIND = EventParams(abs_score_floor=50.0, top_k_total=0)


@pytest.fixture
def lab(dataset: ZarrDataset, add_trace) -> ZarrDataset:
    """Return a dataset with an image of stalls at 3 s and 6 s, detected."""
    add_trace("a", flow(3.0, 6.0))
    detect_dataset(dataset, SHARP)
    return dataset


def events(lab: ZarrDataset) -> pl.DataFrame:
    return lab.record("a").load_df_parquet(EVENTS)


def write(lab: ZarrDataset, frame: pl.DataFrame) -> None:
    lab.record("a").save_df_parquet(EVENTS, frame)


def journal(lab: ZarrDataset) -> list[Decision]:
    return list(Reviews(lab, reviewer="ann").journal.decisions())


first = pl.int_range(pl.len()) == 0
IDS = ["roi_id", "channel", "event_id"]


def deleted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.slice(1)


def all_deleted(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.clear()


def ended(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(t_end_s=pl.col("t_start_s") + 0.7)


def moved(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(
        pl.when(first).then(pl.col("t_start_s") - 0.1).otherwise("t_start_s").alias("t_start_s")
    )


def labelled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(user_type=pl.lit("true_stall"), note=pl.lit("by hand"))


def rated(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(rating=pl.lit(5), who=pl.when(first).then(pl.lit("Anna")))


def added(frame: pl.DataFrame) -> pl.DataFrame:
    row = frame.head(1).with_columns(
        event_id=pl.lit("mine"), t_start_s=1.0, peak_t_s=1.1, t_end_s=pl.lit(1.2)
    )
    return pl.concat([frame, row])


CHANGES: dict[str, tuple[Callable[[pl.DataFrame], pl.DataFrame], set[str], list[str]]] = {
    "deleted": (deleted, {"remove"}, []),
    "all deleted": (all_deleted, {"remove"}, []),
    "ended": (ended, {"edit"}, ["t_start_s", "t_end_s"]),
    "moved": (moved, {"edit"}, ["t_start_s"]),
    "labelled": (labelled, {"label", "note"}, ["user_type", "note"]),
    "rated": (rated, {"edit"}, ["rating", "who"]),
    "added": (added, {"add"}, ["t_start_s", "peak_t_s", "t_end_s"]),
    "deleted and labelled": (
        lambda frame: labelled(deleted(frame)),
        {"remove", "label", "note"},
        ["user_type", "note"],
    ),
}


@pytest.mark.wide
@pytest.mark.parametrize("what", CHANGES)
def test_it_survives_detections_with_any_params(lab: ZarrDataset, what: str) -> None:
    change, verbs, columns = CHANGES[what]
    before, after = events(lab), change(events(lab))
    expected = after.select(*IDS, *columns).sort(IDS)
    if set(columns) <= set(before.columns):
        expected = expected.join(before, on=expected.columns, how="anti", nulls_equal=True)
    write(lab, after)
    for params in (SHARP, OTHER, SHARP):
        report = detect_dataset(lab, params, mode="replace")
        there = events(lab).join(expected, on=IDS, how="semi").select(expected.columns)
        assert there.sort(IDS).equals(expected)
        if params == SHARP:
            assert events(lab).height == after.height
        assert {decision.verb for decision in journal(lab)} == verbs
        assert {decision.reviewer for decision in journal(lab)} == {EXTERNAL}
    assert report.external == 0
    if what in ("labelled", "rated", "moved", "ended"):
        detect_dataset(lab, BLIND, mode="replace")
        assert set(expected["event_id"]) - set(events(lab)["event_id"]) <= (
            set() if what != "moved" else set(expected["event_id"][1:])
        )


@pytest.mark.wide
@pytest.mark.parametrize("what", CHANGES)
def test_whoever_meets_it_first_takes_it_into_the_journal(lab: ZarrDataset, what: str) -> None:
    change, verbs, _ = CHANGES[what]
    write(lab, change(events(lab)))
    left = events(lab)
    [told] = disagreements(lab)
    assert {decision.verb for decision in told.external} == verbs
    assert journal(lab) == []
    assert check_reviews(lab).height == 1
    replay(lab)
    assert {decision.verb for decision in journal(lab)} == verbs
    assert list(disagreements(lab)) == []
    assert check_reviews(lab).is_empty()
    assert (
        events(lab)
        .select(*IDS, "t_start_s")
        .sort(IDS)
        .equals(left.select(*IDS, "t_start_s").sort(IDS))
    )
    assert check(lab).is_empty()


def test_a_decision_takes_it_in_first_and_it_can_be_undone(lab: ZarrDataset) -> None:
    before = events(lab)
    write(lab, deleted(before))
    reviews = Reviews(lab, reviewer="ann")
    reviews.label([key_of("a", events(lab).row(0, named=True))], "true_stall")
    assert [decision.verb for decision in journal(lab)] == ["remove", "label"]
    Reviews(lab, reviewer=EXTERNAL).undo()
    assert set(events(lab)["event_id"]) == set(before["event_id"])
    detect_dataset(lab, SHARP, mode="replace")
    assert set(events(lab)["event_id"]) == set(before["event_id"])


@pytest.mark.parametrize("as_bytes", [True, False], ids=["the very file", "written anew"])
def test_a_backup_put_back_is_nobodys_work(lab: ZarrDataset, as_bytes: bool) -> None:
    path = Path(lab.record("a").artifact_path(EVENTS, ".parquet"))
    backup, frame = path.with_suffix(".backup"), events(lab)
    shutil.copy(path, backup)
    reviews = Reviews(lab, reviewer="ann")
    [key, *_] = [key_of("a", row) for row in frame.to_dicts()]
    reviews.label([key], "true_stall")
    reviews.label([key], "other")
    detect_dataset(lab, OTHER, mode="replace")
    made = journal(lab)
    if as_bytes:
        shutil.copy(backup, path)
        backup.unlink()
    else:
        backup.unlink()
        write(lab, frame)
    detect_dataset(lab, OTHER, mode="replace")
    assert journal(lab) == made
    [row] = [row for row in events(lab).to_dicts() if key_of("a", row) == key]
    assert row["user_type"] == "other"


def test_events_of_another_detection_are_nobodys_work(lab: ZarrDataset, tmp_path: Path) -> None:
    other = events(lab).with_columns(pl.col("t_start_s", "peak_t_s", "t_end_s") + 0.01)
    more = pl.concat([other, other.with_columns(event_id="x" + pl.col("event_id"))])
    write(lab, more)
    detect_dataset(lab, SHARP, mode="replace")
    assert journal(lab) == []
    assert events(lab).height == other.height


def test_an_edit_by_another_program_has_no_samples_and_its_own_length(lab: ZarrDataset) -> None:
    write(lab, ended(events(lab)))
    detect_dataset(lab, OTHER, mode="replace")
    for row in events(lab).to_dicts():
        assert row["edited"]
        assert (row["i_start"], row["i_peak"], row["i_end"]) == (None, None, None)
        assert row["duration_s"] == pytest.approx(0.7)


@pytest.mark.parametrize("roi_id", [0, 7])
def test_any_roi_keeps_its_marks_and_is_not_doubled(
    dataset: ZarrDataset, add_trace, roi_id: int
) -> None:
    add_trace("a", flow(3.0, 6.0))
    record = dataset.record("a")
    trace = record.load_df_parquet("velocity/trace")
    record.save_df_parquet(
        "velocity/trace", trace.with_columns(roi_id=pl.lit(roi_id, trace.schema["roi_id"]))
    )
    detect_dataset(dataset, SHARP)
    count = events(dataset).height
    write(dataset, labelled(events(dataset)))
    for params in (OTHER, SHARP):
        detect_dataset(dataset, params, mode="replace")
        assert set(events(dataset)["roi_id"]) == {roi_id}
        assert set(events(dataset)["user_type"]) == {"true_stall"}
    assert events(dataset).height == count
