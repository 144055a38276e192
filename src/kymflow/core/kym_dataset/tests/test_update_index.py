from __future__ import annotations

import logging
import os

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from kymflow.core.errors import IndexerOutputError, InvalidIndexerError
from kymflow.core.kym_dataset import BaseIndexer, KymDataset, Progress, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.update import evidence
from kymflow_zarr import ImageNotFoundError, ReadOnlyError, UsageError, ZarrDataset

EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"


@pytest.fixture
def kym(dataset: ZarrDataset) -> KymDataset:
    return KymDataset(dataset)


def counts(kym: KymDataset) -> dict[str, int]:
    rows = kym.dataset.load_table(TABLE)
    return dict(rows.group_by("image_id").len().sort("image_id").iter_rows())


def test_replace_then_incremental_skips(kym, add_image) -> None:
    for image_id, n_events in (("a", 2), ("b", 0), ("c", 1)):
        add_image(image_id, n_events)
    first = kym.update_index(EVENTS)
    assert (first.updated, first.missing, first.rows) == (3, 3, 3)
    again = kym.update_index(EVENTS, mode="incremental")
    assert (again.updated, again.skipped, again.missing) == (0, 3, 0)
    assert again.reasons == {"fresh": 2, "fresh_zero_rows": 1}
    assert kym.last_update_stats is again
    assert kym.last_update_stats["skipped"] == 3
    assert dict(again)["table"] == TABLE


def test_a_no_op_writes_nothing(kym, add_image) -> None:
    add_image("a")
    kym.update_index(EVENTS)
    files = {p: p.stat().st_mtime_ns for p in kym.dataset.path.rglob("*") if p.is_file()}
    kym.update_index(EVENTS, mode="incremental")
    assert {p: p.stat().st_mtime_ns for p in kym.dataset.path.rglob("*") if p.is_file()} == files


def test_only_the_image_whose_params_changed_is_made_anew(kym, add_image, set_events) -> None:
    for image_id in "abc":
        add_image(image_id, 3)
    kym.update_index(EVENTS)
    record = kym.dataset.record("b")
    record.save_json("velocity_events/params", {"mad_k": 4.0})
    set_events(record, 1)
    report = kym.update_index(EVENTS, mode="incremental")
    assert (report.updated, report.skipped) == (1, 2)
    assert counts(kym) == {"a": 3, "b": 1, "c": 3}


def test_key_order_and_layout_of_params_do_not_matter(kym, add_image) -> None:
    record = add_image("a", 1, x=1, y=2)
    kym.update_index(EVENTS)
    record.artifact_path("velocity_events/params", ".json").write_text('{"y":2,  "x":1}')
    assert kym.update_index(EVENTS, mode="incremental").skipped == 1


@pytest.mark.long
def test_fewer_and_no_events_leave_no_ghosts(kym, add_image, set_events) -> None:
    for image_id, n_events in (("a", 3), ("b", 2)):
        add_image(image_id, n_events)
    kym.update_index(EVENTS)
    for image_id, n_events in (("a", 1), ("b", 0)):
        set_events(kym.dataset.record(image_id), n_events)
    kym.update_index(EVENTS)
    assert counts(kym) == {"a": 1}
    assert kym.update_index(EVENTS, mode="incremental").skipped == 2


def test_deleted_images_are_pruned(kym, add_image) -> None:
    for image_id in "ab":
        add_image(image_id, 2)
    kym.update_index(EVENTS)
    kym.dataset.delete_image("a")
    report = kym.update_index(EVENTS, mode="incremental")
    assert (report.pruned, report.updated, report.skipped) == (1, 0, 1)
    assert counts(kym) == {"b": 2}
    assert kym.staleness(EVENTS)["image_id"].to_list() == ["b"]


def test_a_deleted_image_without_rows_is_forgotten_too(kym, add_image) -> None:
    add_image("a", 0)
    add_image("b", 1)
    kym.update_index(EVENTS)
    kym.dataset.delete_image("a")
    kym.update_index(EVENTS, mode="incremental")
    assert kym.sql(f"SELECT image_id FROM {TABLE}_runs").rows() == [("b",)]


@pytest.mark.long
@pytest.mark.parametrize("mode", ["replace", "incremental"])
def test_a_subset_touches_nothing_else(kym, add_image, set_events, mode: str) -> None:
    for image_id in "abcd":
        add_image(image_id, 2)
    kym.update_index(EVENTS)
    for image_id in "ab":
        set_events(kym.dataset.record(image_id), 1)
        kym.dataset.record(image_id).save_json("velocity_events/params", {"mad_k": 9.0})
    kym.dataset.delete_image("d")
    report = kym.update_index(EVENTS, mode=mode, image_ids=["a"])
    assert (report.updated, report.pruned, report.skipped) == (1, 0, 0)
    assert counts(kym) == {"a": 1, "b": 2, "c": 2, "d": 2}


@pytest.mark.long
def test_a_subset_may_name_a_deleted_image_but_not_an_unknown_one(kym, add_image) -> None:
    for image_id in "ab":
        add_image(image_id)
    kym.update_index(EVENTS)
    kym.dataset.delete_image("a")
    assert kym.update_index(EVENTS, mode="incremental", image_ids=["a"]).pruned == 1
    with pytest.raises(ImageNotFoundError, match="ghost"):
        kym.update_index(EVENTS, image_ids=["ghost", "b"])


@pytest.mark.long
def test_version_bump_makes_all_anew(kym, add_image) -> None:
    class Newer(VelocityEventIndexer):
        version = "kymflow.velocity_events@0.2"

    add_image("a", 2)
    add_image("b", 0)
    kym.update_index(EVENTS)
    report = kym.update_index(Newer(), mode="incremental")
    assert report.reasons == {"version_changed": 2}
    assert set(kym.dataset.load_table(TABLE)["analysis_version"]) == {Newer.version}


def test_other_tables_are_never_touched(kym, add_image) -> None:
    add_image("a")
    kym.dataset.save_table("mine", pl.DataFrame({"image_id": ["a"]}))
    before = kym.dataset.tables.path("mine").stat()
    kym.update_index(EVENTS)
    assert kym.dataset.tables.path("mine").stat() == before


@pytest.mark.long
def test_table_deleted_or_rows_lost_is_seen(kym, add_image) -> None:
    for image_id in "ab":
        add_image(image_id, 2)
    kym.update_index(EVENTS)
    rows = kym.dataset.load_table(TABLE)
    kym.dataset.save_table(TABLE, rows.head(3))
    assert kym.update_index(EVENTS, mode="incremental").reasons == {
        "fresh": 1,
        "row_count_mismatch": 1,
    }
    assert counts(kym) == {"a": 2, "b": 2}
    kym.dataset.delete_table(TABLE)
    assert kym.update_index(EVENTS, mode="incremental").reasons == {"missing": 2}


@pytest.mark.long
@pytest.mark.parametrize("damage", ["delete", "truncate", "overwrite pages"])
def test_a_lost_ledger_costs_only_images_without_rows(
    kym, add_image, damage: str, plain_files
) -> None:
    add_image("a", 2)
    add_image("b", 0)
    kym.update_index(EVENTS)
    ledger = kym.dataset.path / "index" / f"{TABLE}.runs.parquet"
    if damage == "delete":
        ledger.unlink()
    elif damage == "truncate":
        ledger.write_bytes(ledger.read_bytes()[:40])
    else:
        whole = ledger.read_bytes()
        ledger.write_bytes(whole[:4] + bytes(len(whole) // 3) + whole[4 + len(whole) // 3 :])
    report = kym.update_index(EVENTS, mode="incremental")
    assert report.reasons == {"fresh": 1, "missing": 1}
    assert kym.update_index(EVENTS, mode="incremental").reasons == {
        "fresh": 1,
        "fresh_zero_rows": 1,
    }


def test_an_empty_dataset_gets_an_empty_table(kym) -> None:
    kym.update_index(EVENTS, mode="incremental")
    rows = kym.dataset.load_table(TABLE)
    assert rows.columns == ["image_id", "analysis_version", "params_hash"]
    assert rows.is_empty()


def test_a_read_only_dataset_is_refused(kym, add_image) -> None:
    add_image("a")
    with pytest.raises(ReadOnlyError):
        KymDataset(ZarrDataset(kym.dataset.path, mode="r")).update_index(EVENTS)
    kym.update_index(EVENTS)
    reader = KymDataset(ZarrDataset(kym.dataset.path, mode="r"))
    assert reader.staleness(EVENTS)["reason"].to_list() == ["fresh"]


def test_one_summary_line_is_logged(kym, add_image, caplog) -> None:
    add_image("a")
    with caplog.at_level(logging.INFO, logger="kymflow"):
        kym.update_index(EVENTS)
    assert [r.getMessage() for r in caplog.records] == [
        "update_index indexer=velocity_events mode=replace table=kym_velocity_events "
        "updated=1 skipped=0 missing=1 pruned=0 failed=0"
    ]


def test_an_image_that_is_back_before_the_commit_keeps_its_rows(kym, dataset, add_image) -> None:
    def bring_back(step: Progress) -> None:
        if step.stage == "commit" and not dataset.has_image("a"):
            add_image("a")

    add_image("a")
    kym.update_index(EVENTS)
    dataset.delete_image("a")
    assert kym.update_index(EVENTS, mode="incremental", progress=bring_back).pruned == 1
    assert counts(kym) == {"a": 1}
    assert kym.update_index(EVENTS, mode="incremental").updated == 0


def test_progress_ends_where_the_work_ends(kym, add_image) -> None:
    for image_id in "abc":
        add_image(image_id)
    steps = []
    kym.update_index(EVENTS, progress=steps.append)
    assert [(s.stage, s.done, s.total) for s in steps][-1] == ("commit", 3, 3)
    assert {s.stage for s in steps} == {"survey", "extract", "commit"}


class PerImage:
    """An indexer as a user writes it first: no base class, one image at a time."""

    name = "sizes"

    def __init__(self, make=lambda n: pl.DataFrame({"n": [n]})) -> None:
        self.make = make

    def analysis_version(self) -> str:
        return "sizes@1"

    def params_hash(self, rec) -> str:
        return "h"

    def extract_rows(self, rec):
        return self.make(len(rec.image_id))


@pytest.mark.parametrize(
    "make",
    [
        lambda n: pl.DataFrame({"n": [n]}),
        lambda n: pd.DataFrame({"n": [n]}),
        lambda n: pa.table({"n": [n]}),
    ],
    ids=["polars", "pandas", "pyarrow"],
)
def test_duck_typed_indexers_and_frames_work(kym, add_image, make) -> None:
    add_image("a")
    add_image("bb")
    kym.update_index(PerImage(make))
    assert kym.dataset.load_table("kym_sizes").rows() == [
        ("a", 1, "sizes@1", "h"),
        ("bb", 2, "sizes@1", "h"),
    ]


def test_provenance_is_never_taken_from_the_indexer(kym, add_image) -> None:
    add_image("a")
    lie = {"image_id": ["z"], "analysis_version": [None], "params_hash": ["x"], "n": [1]}
    kym.update_index(PerImage(lambda n: pl.DataFrame(lie)))
    assert kym.dataset.load_table("kym_sizes").select(
        "image_id", "analysis_version", "params_hash"
    ).rows() == [("a", "sizes@1", "h")]


@pytest.mark.parametrize("result", [None, [1], {"n": [1]}])
def test_what_is_not_a_frame_is_refused(kym, add_image, result) -> None:
    add_image("a")
    with pytest.raises(UsageError, match="is not a frame") as caught:
        kym.update_index(PerImage(lambda n: result))
    assert any("image_id a" in note for note in caught.value.__notes__)


def test_rows_that_can_not_be_stored_name_the_column(kym, add_image) -> None:
    add_image("a")
    with pytest.raises(IndexerOutputError, match="'N' and 'n'"):
        kym.update_index(PerImage(lambda n: pl.DataFrame({"N": [1], "n": [1]})))


def test_types_may_differ_between_images_where_they_fit(kym, add_image) -> None:
    add_image("a")
    add_image("bb")
    kym.update_index(PerImage(lambda n: pl.DataFrame({"n": [n] if n > 1 else [None]})))
    assert kym.dataset.load_table("kym_sizes")["n"].to_list() == [None, 2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Events", "must match"),
        ("a-b", "must match"),
        ("", "must match"),
        ("a/../b", "must match"),
        (None, "must match"),
        ("kym_events", "reserved prefix"),
    ],
)
def test_names_are_checked(kym, name, message: str) -> None:
    indexer = PerImage()
    indexer.name = name
    with pytest.raises(ValueError, match=message):
        kym.update_index(indexer)


def test_what_lacks_a_verb_is_no_indexer(kym) -> None:
    with pytest.raises(InvalidIndexerError, match="lacks name, analysis_version"):
        kym.update_index(object())


@pytest.mark.parametrize("option", [{"mode": "append"}, {"on_error": "ignore"}])
def test_options_are_checked(kym, option) -> None:
    with pytest.raises(UsageError, match="must be one of"):
        kym.update_index(EVENTS, **option)


def test_params_alone_are_enough_for_a_hash(kym, add_image) -> None:
    class Sized(BaseIndexer):
        name = "sized"

        def analysis_version(self) -> str:
            return "1"

        def params(self, rec):
            return {"id": rec.image_id}

        def extract_rows(self, rec):
            return pl.DataFrame({"n": [1]})

    add_image("a")
    kym.update_index(Sized())
    assert kym.sql("SELECT params FROM kym_sized_params").item() == '{"id":"a"}'


@pytest.mark.long
def test_of_two_updates_at_once_the_later_extraction_stands(kym, add_image, set_events) -> None:
    for image_id in "abc":
        add_image(image_id, 1)
    later = KymDataset(kym.dataset)

    def overtake(step: Progress) -> None:
        if (step.stage, step.done) == ("commit", 0):
            set_events(kym.dataset.record("b"), 5)
            kym.dataset.record("c").save_json("velocity_events/params", {"mad_k": 9.0})
            set_events(kym.dataset.record("c"), 0)
            later.update_index(EVENTS, image_ids=["b", "c"])

    kym.update_index(EVENTS, progress=overtake)
    assert counts(kym) == {"a": 1, "b": 5}
    assert set(kym.staleness(EVENTS)["reason"]) <= {"fresh", "fresh_zero_rows", "rows_changed"}
    kym.update_index(EVENTS, mode="incremental")
    assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh", "fresh", "fresh_zero_rows"]


@pytest.mark.long
def test_a_record_from_the_future_stops_no_update(kym, add_image, set_events) -> None:
    add_image("a", 1)
    kym.update_index(EVENTS)
    ledger = Ledger(kym.dataset, TABLE)
    future = pl.col("indexed_at").dt.offset_by("9y")
    kym.dataset.tables.backend.save(ledger.runs, ledger.load().with_columns(future))
    set_events(kym.dataset.record("a"), 4)
    kym.update_index(EVENTS)
    assert counts(kym) == {"a": 4}


@pytest.mark.long
def test_a_failure_does_not_hide_what_another_update_mended(kym, add_image, set_events) -> None:
    record = add_image("a", 1)
    record.artifact_path("velocity_events/events", ".parquet").unlink()

    def repair(step: Progress) -> None:
        if step.stage == "commit" and not kym.dataset.list_table_names():
            set_events(record, 2)
            KymDataset(kym.dataset).update_index(EVENTS)

    assert kym.update_index(EVENTS, on_error="record", progress=repair).failed == 1
    assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh"]


@pytest.mark.long
def test_rows_of_another_file_are_made_again_once(kym, add_image, set_events) -> None:
    for image_id, n_events in (("a", 2), ("b", 2), ("c", 0)):
        add_image(image_id, n_events)
    assert kym.update_index(EVENTS, mode="incremental").reasons == {"missing": 3}
    for image_id in "ac":
        set_events(kym.dataset.record(image_id), 3)
    reasons = ["rows_changed", "fresh", "rows_changed"]
    for opened in (kym, KymDataset(ZarrDataset(kym.dataset.path, mode="r"))):
        assert opened.staleness(EVENTS)["reason"].to_list() == reasons
        assert opened.explain(EVENTS, "a").reason == "rows_changed"
    report = kym.update_index(EVENTS, mode="incremental")
    assert (report.updated, report.skipped) == (2, 1)
    assert counts(kym) == {"a": 3, "b": 2, "c": 3}
    assert kym.update_index(EVENTS, mode="incremental").skipped == 3


def test_a_file_written_again_with_the_same_bytes_is_read_and_nothing_due(
    kym, add_image, set_events
) -> None:
    record = add_image("a", 2)
    kym.update_index(EVENTS)
    set_events(record, 2)
    os.utime(record.artifact_path("velocity_events/events", ".parquet"), (0, 0))
    assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh"]
    assert kym.update_index(EVENTS, mode="incremental").skipped == 1


@pytest.mark.wide
@pytest.mark.parametrize("at_rest", [False, True])
@pytest.mark.parametrize("clock", [-600, 600])
def test_a_file_replaced_under_its_old_time_and_size_is_noticed(
    kym, add_image, monkeypatch, clock: int, at_rest: bool
) -> None:
    if at_rest:
        monkeypatch.setattr(evidence, "REST_NS", -3_600_000_000_000)
    path = add_image("a", 2).artifact_path("velocity_events/events", ".parquet")
    moment = path.stat().st_mtime + clock
    os.utime(path, (moment, moment))
    kym.update_index(EVENTS)
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes()[::-1])
    os.utime(other, (moment, moment))
    os.replace(other, path)
    assert kym.staleness(EVENTS)["reason"].to_list() == ["rows_changed"]


@pytest.mark.long
def test_a_file_touched_while_it_is_extracted_is_due_again(kym, add_image, set_events) -> None:
    record = add_image("a", 1)

    class Touching(VelocityEventIndexer):
        def extract_batch(self, dataset, image_ids):
            batch = super().extract_batch(dataset, image_ids)
            set_events(record, 4)
            return batch

    kym.update_index(Touching())
    assert kym.staleness(EVENTS)["reason"].to_list() == ["rows_changed"]
    kym.update_index(EVENTS, mode="incremental")
    assert counts(kym) == {"a": 4}
    assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh"]


def test_verify_asks_the_files_and_the_rows_themselves(kym, add_image) -> None:
    add_image("a", 2)
    kym.update_index(EVENTS)
    report = kym.update_index(EVENTS, mode="incremental", verify=True)
    assert (report.updated, report.skipped) == (0, 1)
    assert kym.staleness(EVENTS, verify=True)["reason"].to_list() == ["fresh"]


@pytest.mark.long
def test_rows_surveyed_before_a_change_do_not_overtake_those_made_after_it(
    kym, add_image, set_events
) -> None:
    record = add_image("a", 1)

    def overtake(step: Progress) -> None:
        if step.stage == "survey" and not kym.dataset.list_table_names():
            set_events(record, 3)
            record.save_json("velocity_events/params", {"mad_k": 9.0})
            KymDataset(kym.dataset).update_index(EVENTS)

    kym.update_index(EVENTS, progress=overtake)
    assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh"]


@pytest.mark.long
def test_a_ledger_does_not_speak_for_rows_of_an_image_that_came_back(kym, add_image) -> None:
    """The rows of a deleted image are not pruned where it is there again at the commit."""
    for image_id in "ab":
        add_image(image_id, 2)
    kym.update_index(EVENTS)
    of_before = kym.dataset.load_table(TABLE)
    kym.dataset.delete_image("b")
    kym.update_index(EVENTS, mode="incremental")
    kym.dataset.save_table(TABLE, of_before)  # as a backup is put back
    kym.dataset.record("a").save_json("velocity_events/params", {"mad_k": 4.0})

    def meanwhile(step: Progress) -> None:
        if step.stage == "commit" and not kym.dataset.has_image("b"):
            add_image("b", 1)

    kym.update_index(EVENTS, mode="incremental", progress=meanwhile)
    verdicts = kym.staleness(EVENTS)
    assert verdicts.equals(kym.staleness(EVENTS, verify=True))
    assert verdicts["action"].to_list() == ["skip", "update"]
