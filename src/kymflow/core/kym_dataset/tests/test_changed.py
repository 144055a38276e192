"""Updates that look only at the images that the journal names."""

from __future__ import annotations

import random
import shutil

import polars as pl
import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.update import survey
from kymflow_zarr import NoJournalError, UsageError, ZarrDataset
from tests.support.images import save_events

EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"
PARAMS = "velocity_events/params"


class Raised(VelocityEventIndexer):
    version = "events@raised"


@pytest.fixture
def kym(five: KymDataset) -> KymDataset:
    """Return five images, a to e, indexed once under a journal."""
    five.dataset.journal.turn_on()
    five.update_index(EVENTS, mode="incremental")
    return five


def update(kym: KymDataset, indexer=EVENTS):
    return kym.update_index(indexer, mode="incremental", changed=True)


@pytest.mark.long
def test_only_noted_images_are_looked_at(kym, monkeypatch) -> None:
    looked: list[str] = []
    look = survey.look
    monkeypatch.setattr(survey, "look", lambda *args: looked.extend(args[2]) or look(*args))
    kym.dataset.record("b").save_json(PARAMS, {"mad_k": 5.0})
    report = update(kym)
    assert looked == ["b"]
    assert (report.updated, report.noted) == (1, 1)
    assert report.summary.endswith("failed=0 noted=1")
    assert update(kym).noted == 0
    assert set(kym.staleness(EVENTS, verify=True)["action"]) == {"skip"}


@pytest.mark.long
def test_added_and_deleted_images_are_noted(kym, add_image) -> None:
    add_image("new", 2)
    kym.dataset.delete_image("a")
    kym.dataset.delete_image("b")  # which has no rows: the ledger alone knows it
    add_image("brief", 1)
    kym.dataset.delete_image("brief")  # which nothing knows
    report = update(kym)
    assert (report.updated, report.pruned, report.failed) == (1, 1, 0)
    known = kym.staleness(EVENTS, verify=True)
    assert dict(known.select("image_id", "action").iter_rows()) == dict.fromkeys(
        ["c", "d", "e", "new"], "skip"
    )


@pytest.mark.long
def test_each_table_takes_the_notes_for_itself(kym) -> None:
    kym.update_index(ImageIndexer(), mode="incremental")
    kym.dataset.record("b").save_json(PARAMS, {"mad_k": 5.0})
    assert update(kym).updated == 1
    assert update(kym, ImageIndexer()).noted == 1
    kym.dataset.record("c").save_metadata_payload({"note": "x"})
    assert update(kym, ImageIndexer()).updated == 1


@pytest.mark.long
def test_a_full_update_takes_the_notes_too(kym) -> None:
    kym.dataset.record("b").save_json(PARAMS, {"mad_k": 5.0})
    assert kym.update_index(EVENTS, mode="incremental").updated == 1
    assert update(kym).noted == 0


@pytest.mark.long
def test_an_update_of_some_images_leaves_the_notes(kym) -> None:
    for image_id in "bc":
        kym.dataset.record(image_id).save_json(PARAMS, {"mad_k": 5.0})
    kym.update_index(EVENTS, mode="incremental", image_ids=["b"])
    assert update(kym).noted == 2


@pytest.mark.long
def test_what_is_written_beside_an_update_waits_for_the_next(kym) -> None:
    record = kym.dataset.record("b")
    record.save_json(PARAMS, {"mad_k": 5.0})
    done: list[str] = []

    def meanwhile(step) -> None:
        if step.stage == "commit" and not done:
            done.append("c")
            kym.dataset.record("c").save_json(PARAMS, {"mad_k": 6.0})

    kym.update_index(EVENTS, mode="incremental", progress=meanwhile)
    assert update(kym).reasons == {"params_changed": 1}


@pytest.mark.long
def test_a_write_whose_rename_comes_after_the_survey_is_seen_next_time(kym) -> None:
    record = kym.dataset.record("b")
    with record.noting():
        assert update(kym).noted == 1
        record.artifact_path(PARAMS, ".json").write_text('{"mad_k": 5.0}')
    assert update(kym).reasons == {"params_changed": 1}


@pytest.mark.long
def test_an_update_that_fails_leaves_the_notes(kym) -> None:
    kym.dataset.record("b").artifact_path(PARAMS, ".json").write_text("{")
    with kym.dataset.record("b").noting():
        pass
    with pytest.raises(Exception, match="can't be used"):
        update(kym)
    report = kym.update_index(EVENTS, mode="incremental", changed=True, on_error="record")
    assert (report.failed, report.noted) == (1, 1)


OTHER = {
    "never indexed": lambda kym: kym.dataset.tables.delete(TABLE),
    "another's table": lambda kym: kym.dataset.save_table(
        TABLE, kym.dataset.load_table(TABLE).tail(-1)
    ),
    "index lost": lambda kym: shutil.rmtree(kym.dataset.path / "index"),
    "journal begun again": lambda kym: (
        kym.dataset.journal.turn_off(),
        kym.dataset.journal.turn_on(),
    ),
}


@pytest.mark.long
@pytest.mark.wide
@pytest.mark.parametrize("what", OTHER)
def test_where_the_notes_are_not_all_everything_is_looked_at(kym, what: str) -> None:
    path = kym.dataset.record("e").artifact_path(PARAMS, ".json")
    path.write_text('{"mad_k": 9.0}')  # by a program that notes nothing
    assert update(kym).noted == 0
    OTHER[what](kym)
    assert update(kym).noted is None
    assert set(kym.staleness(EVENTS, verify=True)["action"]) == {"skip"}


@pytest.mark.long
def test_at_another_version_everything_is_made_again(kym) -> None:
    report = update(kym, Raised())
    assert (report.noted, report.updated) == (None, 5)
    assert update(kym, Raised()).noted == 0


def test_a_copy_is_looked_at_as_a_whole(kym, tmp_path) -> None:
    shutil.copytree(kym.dataset.path, tmp_path / "copy.zarr")
    assert update(KymDataset(ZarrDataset(tmp_path / "copy.zarr"))).noted is None


def test_it_is_refused_without_a_journal_or_beside_other_choices(five, kym) -> None:
    for choice in ({"image_ids": ["a"]}, {"mode": "replace"}, {"verify": True}):
        with pytest.raises(UsageError):
            kym.update_index(EVENTS, **{"mode": "incremental", "changed": True, **choice})
    kym.dataset.journal.turn_off()
    with pytest.raises(NoJournalError):
        update(kym)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_after_any_writes_of_ours_it_ends_as_a_full_update(kym, seed: int) -> None:
    choose = random.Random(seed)
    dataset = kym.dataset

    def step(image_id: str) -> None:
        if not dataset.has_image(image_id):
            with dataset.stage_image(image_id) as staged:
                save_events(staged, choose.randrange(3))
            return
        record = dataset.record(image_id)
        choose.choice(
            [
                lambda: dataset.delete_image(image_id),
                lambda: save_events(record, choose.randrange(3)),
                lambda: record.save_json(PARAMS, {"mad_k": choose.random()}),
                lambda: record.delete_analysis([choose.choice([".json", ".parquet"])]),
            ]
        )()

    for _ in range(15):
        for image_id in choose.sample("abcdefg", 2):
            step(image_id)
        report = kym.update_index(EVENTS, mode="incremental", changed=True, on_error="record")
        assert report.noted is not None
        verdicts = kym.staleness(EVENTS, verify=True)
        assert set(verdicts.filter(pl.col("action") != "skip")["reason"]) <= {"failed"}
