"""What changed in a lab folder is merged with what people did in the dataset since."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.lab_folder import ImportReport, import_folder, revision
from kymflow.core.lab_folder.tests import test_event_merge as oracles
from kymflow.core.lab_folder.tests import test_three_way as trees
from kymflow.core.velocity_events import detect_dataset, set_params
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from tests.support.lab import EVENT, Lab

EVENTS, PARAMS, TRACE = "velocity_events/events", "velocity_events/params", "velocity/trace"
LATER = {**EVENT, "t_start": 5.0, "t_end": 6.0}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return a lab folder of one image with all that there can be."""
    lab = Lab(tmp_path / "lab")
    lab.image("a", 1)
    return lab


@pytest.fixture
def rec(lab: Lab, dataset: ZarrDataset) -> ZarrImageRecord:
    """Return the image, imported."""
    [(_, image_id)] = import_folder(lab.root, dataset).added
    return dataset.record(image_id)


def again(lab: Lab, rec: ZarrImageRecord) -> ImportReport:
    report = import_folder(lab.root, rec.dataset, changed=True)
    assert report.failed == []
    assert [image_id for _, image_id in report.updated] in ([], [rec.image_id])
    assert import_folder(lab.root, rec.dataset, changed=True).skipped == ["a.tif"]
    return report


def judge(rec: ZarrImageRecord, **columns: Any) -> None:
    """Set columns of an image's events, as a person does."""
    events = rec.load_df_parquet(EVENTS)
    rec.save_df_parquet(EVENTS, events.with_columns(**{k: pl.lit(v) for k, v in columns.items()}))


def change(rec: ZarrImageRecord, **experiment: Any) -> None:
    """Set fields of an image's experiment metadata, as a person does."""
    metadata = rec.load_metadata_payload()
    metadata["experiment_metadata"] |= experiment
    rec.save_metadata_payload(metadata)


def experiment(rec: ZarrImageRecord) -> dict[str, Any]:
    found = rec.load_metadata_payload()["experiment_metadata"]
    assert isinstance(found, dict)
    return found


def make_older(rec: ZarrImageRecord) -> None:
    """Make of an image what an import without a base left behind."""
    shutil.rmtree(rec.path / "analysis" / "import")
    metadata = rec.load_metadata_payload()
    for name in ("base", "pixels_sha256"):
        del metadata["source"][name]
    for file in metadata["source"]["files"]:
        del file["ctime_ns"]
    rec.save_metadata_payload(metadata)


def test_a_file_that_did_not_change_replaces_nothing(lab: Lab, rec: ZarrImageRecord) -> None:
    detect_dataset(rec.dataset)
    judge(rec, user_type="true_stall", note="seen", rating=5)
    set_params(rec, {"mad_k": 4.5})
    rec.save_json("mine", 1)
    events = rec.load_df_parquet(EVENTS)
    trace = rec.artifact_path(TRACE, ".parquet").read_bytes()
    lab.sidecar("a", condition="control", note="corrected")
    report = again(lab, rec)
    assert report.conflicts == []
    assert rec.load_df_parquet(EVENTS).equals(events)
    assert rec.artifact_path(TRACE, ".parquet").read_bytes() == trace
    assert rec.load_json(PARAMS)["mad_k"] == 4.5
    assert rec.load_json("mine") == 1
    assert experiment(rec) == {"condition": "control", "note": "corrected"}


def test_metadata_is_merged_key_by_key(lab: Lab, rec: ZarrImageRecord) -> None:
    change(rec, condition="AngII", mouse="A89")
    lab.sidecar("a", condition="control", note="corrected", sex="f")
    assert again(lab, rec).conflicts == []
    expected = {"condition": "AngII", "note": "corrected", "mouse": "A89", "sex": "f"}
    assert experiment(rec) == expected
    lab.sidecar("a", note="corrected", sex="m")  # no condition any more, which was changed here
    change(rec, sex="unknown")
    report = again(lab, rec)
    assert experiment(rec) == {**expected, "sex": "unknown"}
    assert sorted(each.clash.field for each in report.conflicts) == [
        "experiment_metadata.condition",
        "experiment_metadata.sex",
    ]
    assert {each.artifact for each in report.conflicts} == {"metadata"}
    assert 'a.tif: experiment_metadata.sex: "unknown" kept; the folder has "m", "f" before' in map(
        str, report.conflicts
    )


def test_rois_are_merged_one_by_one(lab: Lab, rec: ZarrImageRecord) -> None:
    one, two = {"id": 0, "name": "old"}, {"id": 2, "dim1_start": 1, "dim1_stop": 3}
    lab.sidecar("a", [one, two])
    again(lab, rec)
    metadata = rec.load_metadata_payload()
    metadata["rois"][0]["name"] = "capillary"
    rec.save_metadata_payload(metadata)
    lab.sidecar("a", [one, {**two, "dim1_stop": 4}])
    assert again(lab, rec).conflicts == []
    rois = rec.load_metadata_payload()["rois"]
    assert [(roi["roi_id"], roi.get("name"), roi["x1"]) for roi in rois] == [
        (0, "capillary", None),
        (2, None, 4),
    ]


def test_events_are_merged_field_by_field(lab: Lab, rec: ZarrImageRecord) -> None:
    events = rec.load_df_parquet(EVENTS)
    added = {**events.row(0, named=True), "t_start_s": 9.0, "t_end_s": 9.5, "event_id": "mine"}
    events = pl.concat([events, pl.DataFrame([added], events.schema)])
    rec.save_df_parquet(EVENTS, events.with_columns(note=pl.lit("here"), rating=pl.lit(3)))
    lab.events(
        "a",
        {**EVENT, "user_type": "true_stall", "t_end": 2.2},
        LATER,
        {**EVENT, "event_type": "User Added", "t_start": 3.0, "t_end": 3.5, "note": "there"},
    )
    assert again(lab, rec).conflicts == []
    rows = rec.load_df_parquet(EVENTS).select(
        "event_id", "t_start_s", "t_end_s", "user_type", "note", "rating"
    )
    assert (
        rows.rows()
        == [
            ("0", 1.0, 2.2, "true_stall", "here", 3),
            ("2", 3.0, 3.5, None, "there", None),
            ("1", 5.0, 6.0, "unreviewed", "here", 3),
            ("mine", 9.0, 9.5, "unreviewed", "here", 3),
        ]
        or rows.row(1)[3] == "unreviewed"
    )


def test_removed_events_do_not_come_back(lab: Lab, rec: ZarrImageRecord) -> None:
    rec.save_df_parquet(EVENTS, rec.load_df_parquet(EVENTS).slice(1))
    lab.events("a", EVENT, {**LATER, "user_type": "reversal"})
    assert again(lab, rec).conflicts == []
    lab.events("a", EVENT, {**LATER, "user_type": "true_stall"})  # once more, from the new base
    assert again(lab, rec).conflicts == []
    assert rec.load_df_parquet(EVENTS).select("event_id", "user_type").rows() == [
        ("1", "true_stall")
    ]
    lab.events("a", {**EVENT, "note": "look again"}, {**LATER, "user_type": "true_stall"})
    [conflict] = again(lab, rec).conflicts
    assert "stays removed; changed in the folder (note)" in str(conflict)
    assert rec.load_df_parquet(EVENTS).height == 1


def test_events_removed_in_the_folder_go(lab: Lab, rec: ZarrImageRecord) -> None:
    lab.events("a", LATER)
    assert again(lab, rec).conflicts == []
    assert rec.load_df_parquet(EVENTS)["event_id"].to_list() == ["1"]
    judge(rec, user_type="true_stall")
    lab.events("a")
    [conflict] = again(lab, rec).conflicts
    assert conflict.artifact == EVENTS
    assert rec.load_df_parquet(EVENTS)["user_type"].to_list() == ["true_stall"]


def test_a_conflict_keeps_the_datasets_value_and_is_told_once(
    lab: Lab, rec: ZarrImageRecord
) -> None:
    judge(rec, user_type="true_stall")
    lab.events("a", {**EVENT, "user_type": "other"}, LATER)
    report = again(lab, rec)
    assert [str(each) for each in report.conflicts] == [
        'a.tif: nan_gap of ROI 1, channel 1 at 1.000 s: user_type: "true_stall" kept; '
        'the folder has "other", null before'
    ]
    lab.events("a", {**EVENT, "user_type": "other", "note": "new"}, LATER)
    assert again(lab, rec).conflicts == []
    assert rec.load_df_parquet(EVENTS).select("user_type", "note").rows()[0] == (
        "true_stall",
        "new",
    )


def test_params_are_merged_key_by_key(lab: Lab, rec: ZarrImageRecord) -> None:
    lab.events("a", EVENT, params={"mad_k": 3.0, "smooth_sec": 0.1})
    again(lab, rec)
    rec.save_json(PARAMS, {"mad_k": 4.0, "smooth_sec": 0.1})
    lab.events("a", EVENT, params={"mad_k": 3.0, "smooth_sec": 0.2})
    assert again(lab, rec).conflicts == []
    assert rec.load_json(PARAMS) == {"mad_k": 4.0, "smooth_sec": 0.2}
    lab.events("a", EVENT, params={"mad_k": 5.0, "smooth_sec": 0.2})
    [conflict] = again(lab, rec).conflicts
    assert (conflict.artifact, conflict.clash.field) == (PARAMS, "mad_k")
    assert rec.load_json(PARAMS) == {"mad_k": 4.0, "smooth_sec": 0.2}


def test_a_new_trace_takes_the_place_of_the_imported_one_only(
    lab: Lab, rec: ZarrImageRecord
) -> None:
    lab.trace("a", seed=5)
    assert again(lab, rec).conflicts == []
    imported = pl.read_csv(lab.root / "flow-analysis" / "a_radon.csv")["velocity"]
    assert rec.load_df_parquet(TRACE)["velocity"].equals(imported)
    mine = rec.load_df_parquet(TRACE).with_columns(pl.col("velocity") * 2)
    rec.save_df_parquet(TRACE, mine)
    lab.trace("a", seed=6)
    [conflict] = again(lab, rec).conflicts
    assert conflict.artifact == TRACE
    assert rec.load_df_parquet(TRACE).equals(mine)


@pytest.mark.parametrize("touched", [False, True])
def test_files_that_are_gone_take_only_what_nobody_touched(
    lab: Lab, rec: ZarrImageRecord, touched: bool
) -> None:
    if touched:
        judge(rec, note="mine")
        rec.save_df_parquet(TRACE, rec.load_df_parquet(TRACE).with_columns(mine=pl.lit(1)))
    shutil.rmtree(lab.root / "flow-analysis")
    report = again(lab, rec)
    left = [key for key in rec.list_analysis_keys() if key.startswith("velocity")]
    assert left == ([f"{TRACE}.parquet", f"{EVENTS}.parquet"] if touched else [])
    assert [each.artifact for each in report.conflicts] == ([TRACE, EVENTS] if touched else [])


def test_detected_events_meet_those_of_the_folder(lab: Lab, rec: ZarrImageRecord) -> None:
    (lab.root / "flow-analysis" / "a_events.json").unlink()
    again(lab, rec)
    detect_dataset(rec.dataset)
    judge(rec, user_type="true_stall")
    found = rec.load_df_parquet(EVENTS)
    row = found.row(0, named=True)
    lab.events(
        "a",
        {
            "event_type": row["event_type"],
            "t_start": row["t_start_s"],
            "t_peak": row["peak_t_s"],
            "note": "there",
        },
        EVENT,
    )
    assert again(lab, rec).conflicts == []
    now = rec.load_df_parquet(EVENTS)
    assert now.height == found.height + 1
    assert now.filter(pl.col("note") == "there").select(
        "event_id", "user_type", "score"
    ).rows() == [(row["event_id"], "true_stall", row["score"])]


def test_rows_follow_events_that_the_folder_changed(lab: Lab, rec: ZarrImageRecord) -> None:
    kym, indexer = KymDataset(rec.dataset), VelocityEventIndexer()
    kym.update_index(indexer)
    lab.events("a", EVENT)
    again(lab, rec)
    assert kym.staleness(indexer)["reason"].to_list() != ["fresh"]
    kym.update_index(indexer, mode="incremental")
    assert kym.dataset.load_table("kym_velocity_events").height == 1


def test_a_sidecars_change_leaves_rows_of_events_fresh(lab: Lab, rec: ZarrImageRecord) -> None:
    kym, indexer = KymDataset(rec.dataset), VelocityEventIndexer()
    kym.update_index(indexer)
    lab.sidecar("a", condition="AngII")
    again(lab, rec)
    assert kym.staleness(indexer)["reason"].to_list() == ["fresh"]


@pytest.mark.long
@pytest.mark.parametrize("judged", [False, True])
def test_events_of_a_trace_that_was_replaced_are_not_taken_for_its_own(
    lab: Lab, rec: ZarrImageRecord, judged: bool
) -> None:
    kym, indexer = KymDataset(rec.dataset), VelocityEventIndexer()
    detect_dataset(rec.dataset)
    if judged:
        judge(rec, user_type="true_stall")
    kym.update_index(indexer)
    lab.tif("a", fill=77)
    lab.trace("a", seed=77)
    report = again(lab, rec)
    assert report.reacquired == [("a.tif", rec.image_id)]
    update = kym.update_index(indexer, on_error="record")
    assert "run `kymflow detect`" in update.failures[0].message
    assert kym.staleness(indexer)["reason"].to_list() == ["failed"]
    detect_dataset(rec.dataset)
    kym.update_index(indexer, mode="incremental")
    assert kym.staleness(indexer)["reason"].to_list() == ["fresh"]


def test_pixels_acquired_again_come_in_and_all_else_stays(lab: Lab, rec: ZarrImageRecord) -> None:
    judge(rec, note="mine")
    rec.save_json("mine", 1)
    rec.save_array_artifact("mask", np.ones((3, 3)))
    change(rec, condition="AngII")
    lab.tif("a", fill=2)
    assert import_folder(lab.root, rec.dataset).changed == ["a.tif"]
    report = again(lab, rec)
    assert report.reacquired == [("a.tif", rec.image_id)]
    assert report.conflicts == []
    expected = np.random.default_rng(2).integers(0, 999, (40, 6), dtype=np.uint16)
    np.testing.assert_array_equal(rec.load_array(), expected)
    assert set(rec.load_df_parquet(EVENTS)["note"]) == {"mine"}
    assert rec.load_json("mine") == 1
    assert rec.load_array_artifact("mask").sum() == 9
    assert experiment(rec)["condition"] == "AngII"


def test_a_tiff_saved_again_with_other_tags_is_not_acquired_again(
    lab: Lab, rec: ZarrImageRecord
) -> None:
    before = (rec.path / "data" / "zarr.json").stat().st_mtime_ns
    lab.tif("a", fill=1, compression="zlib", description="saved again")
    report = again(lab, rec)
    assert (report.reacquired, report.updated) == ([], [("a.tif", rec.image_id)])
    assert (rec.path / "data" / "zarr.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 40), marks=pytest.mark.long)])
def test_rounds_of_random_work_on_both_sides_are_merged_as_an_oracle_does(
    tmp_path: Path, seeds: range
) -> None:
    for seed in seeds:
        check_rounds_of_work(random.Random(seed), tmp_path / str(seed))


def check_rounds_of_work(choose: random.Random, place: Path) -> None:
    lab, dataset = Lab(place / "lab"), ZarrDataset(place / "data.zarr", mode="a")
    lab.tif("a", 1)
    events = [oracles.event(uid) for uid in range(6)]
    fields = {name: choose.choice(VALUES) for name in "abc"}
    write_lab(lab, events, fields)
    import_folder(lab.root, dataset)
    [rec] = dataset.iter_records()
    for turn in range(1, 4):
        base, before = events, fields
        events = oracles.worked_on(choose, events, 60 * turn, here=False)
        choose.shuffle(events)
        fields = edited(choose, fields)
        held = rec.load_df_parquet(EVENTS)
        here = oracles.worked_on(choose, held.to_dicts(), 60 * turn + 30, here=True)
        ours = pl.DataFrame(
            [{"event_id": f"new{row['uid']}", **row} for row in here],
            {**held.schema, "rating": pl.Int64},
        )
        rec.save_df_parquet(EVENTS, ours)
        metadata = rec.load_metadata_payload()
        metadata["experiment_metadata"] = edited(choose, metadata["experiment_metadata"])
        rec.save_metadata_payload(metadata)
        write_lab(lab, events, fields)
        report = import_folder(lab.root, dataset, changed=True)
        assert report.failed == []
        if not report.updated:  # nobody in the lab changed anything
            continue
        expected, clashes = oracles.oracle(base, events, ours.to_dicts())
        merged = oracles.by_uid(rec.load_df_parquet(EVENTS))
        for each in expected.values():
            each.pop("event_id", None)
        assert oracles.plain(merged) == oracles.plain(expected)
        leaves, told = oracle_of_leaves(before, fields, metadata["experiment_metadata"])
        assert experiment(rec) == leaves
        assert len(report.conflicts) == clashes + told


VALUES = ["", "x", "y", 1, 2.5, None, True]


def edited(choose: random.Random, fields: dict[str, Any]) -> dict[str, Any]:
    changed = {**fields, choose.choice("abcde"): choose.choice(VALUES)}
    if choose.random() < 0.3:
        del changed[choose.choice([*changed])]
    return changed


def oracle_of_leaves(
    base: dict[str, Any], theirs: dict[str, Any], ours: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    sides = [{(name,): value for name, value in side.items()} for side in (base, theirs, ours)]
    merged, told = trees.oracle(*sides)
    return {name: value for (name,), value in merged.items()}, len(told)


def write_lab(lab: Lab, events: list[dict[str, Any]], fields: dict[str, Any]) -> None:
    """Write events and metadata as the lab's program does, events without ids."""
    names = {"t_start_s": "t_start", "peak_t_s": "t_peak", "t_end_s": "t_end"}
    by_roi: dict[str, list[dict[str, Any]]] = {"0:1": [], "1:1": []}
    for each in events:
        row = {names.get(k, k): v for k, v in each.items() if k not in ("roi_id", "event_id")}
        by_roi[f"{each['roi_id']}:1"].append(row)
    path = lab.events("a")
    path.write_text(json.dumps({"version": "2.0", "velocity_events": by_roi}))
    lab.sidecar("a", **fields)


# Images that were imported before there was a base


def test_an_older_image_keeps_what_its_files_did_not_change(lab: Lab, rec: ZarrImageRecord) -> None:
    judge(rec, user_type="true_stall")
    make_older(rec)
    lab.trace("a", seed=9)
    events = rec.load_df_parquet(EVENTS)
    trace = rec.load_df_parquet(TRACE)
    report = again(lab, rec)
    assert rec.load_df_parquet(EVENTS).equals(events)
    assert rec.load_df_parquet(TRACE).equals(trace)
    assert [each.artifact for each in report.conflicts] == [TRACE]


def test_an_older_images_values_win_wherever_they_differ(lab: Lab, rec: ZarrImageRecord) -> None:
    judge(rec, note="here")
    change(rec, condition="here")
    make_older(rec)
    lab.sidecar("a", condition="there", note="new", sex="f")
    lab.events(
        "a", {**EVENT, "note": "there", "user_type": "true_stall"}, {**EVENT, "t_start": 30.0}
    )
    report = again(lab, rec)
    assert experiment(rec) == {"condition": "here", "note": "new", "sex": "f"}
    assert rec.load_df_parquet(EVENTS).select("t_start_s", "user_type", "note").rows() == [
        (1.0, "true_stall", "here"),
        (5.0, "unreviewed", "here"),
    ]
    assert len(report.conflicts) == 4
    lab.sidecar("a", condition="there", note="newer", sex="f")  # there is a base now
    lab.events("a", {**EVENT, "note": "there"}, {**EVENT, "t_start": 30.0}, LATER)
    assert again(lab, rec).conflicts == []
    assert experiment(rec)["note"] == "newer"


def test_an_older_image_whose_folder_never_had_events_keeps_its_own(
    lab: Lab, dataset: ZarrDataset
) -> None:
    path = lab.root / "flow-analysis" / "a_kymanalysis.json"
    (lab.root / "flow-analysis" / "a_events.json").rename(path)
    path.write_text('{"accepted": true, "velocity_events": {}}')
    [(_, image_id)] = import_folder(lab.root, dataset).added
    rec = dataset.record(image_id)
    detect_dataset(dataset)
    make_older(rec)
    events = rec.load_df_parquet(EVENTS)
    path.write_text('{"accepted": null, "velocity_events": {}, "analysis_metadata": {"1": {}}}')
    report = again(lab, rec)
    assert [each.clash.field for each in report.conflicts] == ["accepted"]
    assert rec.load_df_parquet(EVENTS).equals(events)
    assert rec.load_metadata_payload()["accepted"] is True
    assert rec.load_json(PARAMS)["mad_k"] == 3.0


def test_an_older_image_acquired_again_gets_its_pixels_and_its_trace(
    lab: Lab, rec: ZarrImageRecord
) -> None:
    make_older(rec)
    lab.tif("a", fill=2)
    lab.trace("a", seed=9)
    report = again(lab, rec)
    assert (report.conflicts, len(report.reacquired)) == ([], 1)
    imported = pl.read_csv(lab.root / "flow-analysis" / "a_radon.csv")["velocity"]
    assert rec.load_df_parquet(TRACE)["velocity"].equals(imported)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder, _: shutil.rmtree(folder),
        lambda folder, _: next(folder.iterdir()).write_text("{"),
        lambda folder, _: next(folder.iterdir()).write_text("[]"),
        lambda folder, _: next(folder.iterdir()).write_text(
            '{"metadata": {}, "params": 5, "events": {"a": [1, [2]]}, "trace": null}'
        ),
        lambda _, source: source.update(base="../../../precious"),
        lambda _, source: source.update(base=5),
    ],
)
def test_a_damaged_base_counts_as_none(
    lab: Lab, rec: ZarrImageRecord, damage: Callable[[Path, dict], None]
) -> None:
    change(rec, condition="here")
    metadata = rec.load_metadata_payload()
    damage(rec.path / "analysis" / "import", metadata["source"])
    rec.save_metadata_payload(metadata)
    lab.sidecar("a", condition="there")
    report = again(lab, rec)
    assert experiment(rec)["condition"] == "here"
    assert "experiment_metadata.condition" in [each.clash.field for each in report.conflicts]


# Others at work, links, odd things


def test_what_is_written_while_an_image_is_merged_is_not_lost(
    lab: Lab, rec: ZarrImageRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    load, writes = revision.load_stored, iter([judge_it, change_it, set_param])

    def load_and_be_overtaken(each: ZarrImageRecord) -> object:
        stored = load(each)
        write = next(writes, None)
        if write:
            write(each)
        return stored

    monkeypatch.setattr(revision, "load_stored", load_and_be_overtaken)
    lab.sidecar("a", note="new")
    lab.events("a", {**EVENT, "note": "there"}, params={"mad_k": 2.0})
    again(lab, rec)
    assert experiment(rec) == {"note": "new", "mouse": "A89"}
    assert rec.load_json(PARAMS) == {"mad_k": 2.0, "smooth_sec": 0.3}
    assert rec.load_df_parquet(EVENTS)["user_type"][0] == "true_stall"
    assert rec.load_df_parquet(EVENTS)["note"][0] == "there"


def judge_it(rec: ZarrImageRecord) -> None:
    judge(rec, user_type="true_stall")


def change_it(rec: ZarrImageRecord) -> None:
    change(rec, mouse="A89")


def set_param(rec: ZarrImageRecord) -> None:
    rec.save_json(PARAMS, {**rec.load_json(PARAMS), "smooth_sec": 0.3})


def test_what_is_written_while_pixels_are_replaced_is_not_lost(
    lab: Lab, rec: ZarrImageRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    copytree, writes = shutil.copytree, iter([judge_it, lambda rec: rec.save_json("mine", 1)])

    def copy_and_be_overtaken(*given: Any, **options: Any) -> None:
        copytree(*given, **options)
        write = next(writes, None)
        if write:
            write(rec)

    monkeypatch.setattr(shutil, "copytree", copy_and_be_overtaken)
    lab.tif("a", fill=2)
    again(lab, rec)
    assert rec.load_json("mine") == 1
    assert set(rec.load_df_parquet(EVENTS)["user_type"]) == {"true_stall"}


def test_what_lies_behind_a_link_is_neither_changed_nor_deleted(
    lab: Lab, rec: ZarrImageRecord, tmp_path: Path
) -> None:
    folder, outside = rec.path / "analysis" / "velocity", tmp_path / "outside"
    folder.rename(outside)
    os.symlink(outside, folder)
    trace = (outside / "trace.parquet").read_bytes()
    lab.sidecar("a", condition="corrected")
    again(lab, rec)
    assert experiment(rec)["condition"] == "corrected"
    lab.trace("a", seed=3)
    lab.sidecar("a", condition="corrected again")
    report = import_folder(lab.root, rec.dataset, changed=True)
    assert "behind a link" in report.failed[0][1]
    assert experiment(rec)["condition"] == "corrected"
    (lab.root / "flow-analysis" / "a_radon.csv").unlink()
    lab.tif("a", fill=2)
    assert "behind a link" in import_folder(lab.root, rec.dataset, changed=True).failed[0][1]
    assert (outside / "trace.parquet").read_bytes() == trace
    hidden = [p.name for p in (rec.dataset.path / "images").iterdir() if p.name.startswith(".st")]
    assert hidden == []


def test_one_image_that_cant_be_merged_fails_alone(lab: Lab, rec: ZarrImageRecord) -> None:
    lab.image("b", 2)
    import_folder(lab.root, rec.dataset)
    rec.artifact_path(EVENTS, ".parquet").write_bytes(b"damaged")
    lab.events("a", EVENT)
    lab.events("b", EVENT)
    report = import_folder(lab.root, rec.dataset, changed=True)
    assert [path for path, _ in report.failed] == ["a.tif"]
    assert [path for path, _ in report.updated] == ["b.tif"]
    assert rec.artifact_path(EVENTS, ".parquet").read_bytes() == b"damaged"


def test_a_roi_numbered_0_stays_0(lab: Lab, dataset: ZarrDataset) -> None:
    lab.sidecar("a", [{"id": 0, "name": "first"}])
    lab.trace("a", rois=(0, 1))
    lab.events("a", EVENT, key="0:1")
    [(_, image_id)] = import_folder(lab.root, dataset).added
    rec = dataset.record(image_id)
    lab.events("a", EVENT, LATER, key="0:1")
    import_folder(lab.root, dataset, changed=True)
    assert rec.load_metadata_payload()["rois"][0]["roi_id"] == 0
    assert rec.load_df_parquet(TRACE)["roi_id"].unique().sort().to_list() == [0, 1]
    assert rec.load_df_parquet(EVENTS)["roi_id"].to_list() == [0, 0]
    kym = KymDataset(dataset)
    kym.update_index(VelocityEventIndexer())
    assert kym.sql("SELECT DISTINCT roi_id FROM kym_velocity_events").rows() == [(0,)]


def test_there_is_one_base_and_nothing_is_left_over(lab: Lab, rec: ZarrImageRecord) -> None:
    for number in range(3):
        lab.sidecar("a", condition=str(number))
        again(lab, rec)
    [base] = (rec.path / "analysis" / "import").iterdir()
    assert rec.load_metadata_payload()["source"]["base"] == f"import/{base.stem}"
    assert json.loads(base.read_text())["metadata"]["experiment_metadata"] == {"condition": "2"}
    kym = KymDataset(rec.dataset)
    kym.update_index(ImageIndexer())
    assert kym.sql("SELECT condition FROM kym_images").item() == "2"
