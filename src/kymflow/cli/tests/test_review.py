"""People's decisions on events, by the command alone."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kymflow.cli.tests.test_command import COMMAND, run
from kymflow.core.synthetic import Stretch, add_synthetic_image
from kymflow_zarr import ZarrDataset

EVENTS = "velocity_events/events"


def two_images(dataset: ZarrDataset) -> None:
    add_synthetic_image(dataset, 0, [Stretch(2, 3)])
    add_synthetic_image(dataset, 1, [Stretch(1, 2), Stretch(4, 5)])
    run("detect", dataset.path)


@pytest.fixture
def lab(dataset: ZarrDataset, made_once, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a dataset of two images with events; ann reviews it."""
    monkeypatch.setenv("KYMFLOW_REVIEWER", "ann")
    return made_once(dataset, two_images).path


def listed(lab: Path, *arguments: object) -> list[dict[str, Any]]:
    return json.loads(run("review", "list", lab, *arguments, "--format", "json").stdout)


def event(lab: Path, event_id: str, image: str = "demo-00") -> dict[str, Any]:
    [row] = [row for row in listed(lab, image) if row["event_id"] == event_id]
    return row


def test_every_verb_changes_what_it_says_and_is_undone(lab: Path) -> None:
    before = listed(lab)
    out = run("review", "label", lab, "true_stall", "demo-00", "0").stdout
    assert out.splitlines()[0].startswith("demo-00 baseline_drop 1:0 at ")
    assert "user_type: unreviewed → true_stall\nlabel changed=1\n" in out
    assert event(lab, "0")["user_type"] == "true_stall"
    run("review", "note", lab, "clear as day", "demo-00", "0")
    assert event(lab, "0")["note"] == "clear as day"
    assert "rejected: no → yes" in run("review", "reject", lab, "demo-00", "0").stdout
    assert event(lab, "0")["rejected"]
    assert "rejected: yes → no" in run("review", "restore", lab, "demo-00", "0").stdout
    assert not event(lab, "0")["rejected"]
    out = run("review", "edit", lab, "demo-00", "0", "--start", 1.5, "--end", 4).stdout
    assert "→ 1.500" in out
    assert (event(lab, "0")["t_start_s"], event(lab, "0")["t_end_s"]) == (1.5, 4.0)
    out = run("review", "add", lab, "demo-00", "--start", 6, "--end", 6.5, "--note", "mine").stdout
    assert out == "demo-00 User Added 1:user-0 at 6.000 s: added\n"
    assert event(lab, "user-0")["note"] == "mine"
    out = run("review", "remove", lab, "demo-00", "user-0").stdout
    assert out.endswith("remove changed=1\n")
    verbs = [
        "remove", "add", "edit", "restore", "reject", "note", "label",
    ]  # fmt: skip
    for verb in verbs:
        assert run("review", "undo", lab).stdout == f"undo {verb} events=1 images=1\n"
    assert listed(lab) == before
    assert "nothing to undo" in run("review", "undo", lab, check=2).stderr
    for verb in reversed(verbs):
        assert run("review", "redo", lab).stdout == f"redo {verb} events=1 images=1\n"
    assert event(lab, "0")["note"] == "clear as day"
    assert "undone nothing" in run("review", "redo", lab, check=2).stderr
    log = json.loads(run("review", "log", lab, "--format", "json").stdout)
    assert [row["verb"] for row in log] == [*reversed(verbs), *["undo"] * 7, *["redo"] * 7]
    assert {row["reviewer"] for row in log} == {"ann"}
    assert not any(row["undone"] for row in log)


@pytest.mark.wide
@pytest.mark.parametrize(
    "arguments",
    [
        ("label", "LAB", "other", "--where", "true"),
        ("note", "LAB", "n", "demo-00", "0"),
        ("reject", "LAB", "demo-00", "0"),
        ("restore", "LAB", "--where", "rejected"),
        ("edit", "LAB", "demo-00", "0", "--start", "1.0"),
        ("add", "LAB", "demo-00", "--start", "1.0"),
        ("remove", "LAB", "demo-00", "user-0"),
        ("undo", "LAB"),
        ("redo", "LAB"),
    ],
)
def test_a_dry_run_writes_nothing(lab: Path, arguments: tuple[str, ...]) -> None:
    run("review", "add", lab, "demo-00", "--start", 6)
    run("review", "reject", lab, "demo-01", "0")
    run("review", "label", lab, "other", "demo-01", "0")
    run("review", "undo", lab)

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in lab.rglob("*") if path.is_file()}

    before = files()
    command = [lab if each == "LAB" else each for each in arguments]
    assert "would" in run("review", *command, "--dry-run").stdout
    assert files() == before
    assert "would" not in run("review", *command).stdout
    assert files() != before


@pytest.mark.long
def test_a_condition_picks_events_as_they_are_now(lab: Path) -> None:
    run("index", lab)
    every = len(listed(lab))
    run("review", "reject", lab, "demo-00", "0")  # the tables don't know of it yet
    done = run("review", "label", lab, "true_stall", "--where", "NOT rejected")
    assert done.stdout.endswith(f"label changed={every - 1}\n")
    assert done.stderr == f"{every - 1} events of 2 images\n"
    assert event(lab, "0")["user_type"] == "unreviewed"
    deep = "image_id IN (SELECT image_id FROM kym_images WHERE depth > 110)"
    assert {row["image_id"] for row in listed(lab, "--where", deep)} == {"demo-01"}
    one = run("review", "undo", lab).stdout
    assert one == f"undo label events={every - 1} images=2\n"
    assert {row["user_type"] for row in listed(lab)} == {"unreviewed"}
    run("index", lab)
    table = ZarrDataset(lab, mode="a").load_table("kym_velocity_events")
    assert set(table["user_type"]) == {"unreviewed"}


def test_a_condition_without_tables_needs_none(lab: Path) -> None:
    assert listed(lab, "--where", "t_start_s < 0") == []
    assert "changed=0" in run("review", "reject", lab, "--where", "false").stdout
    for condition in ("no_such_column > 1", "true; DROP TABLE x", "("):
        assert run("review", "list", lab, "--where", condition, check=1).stderr


@pytest.mark.parametrize("image", ["demo-00", "demo-00.tif", "baseline/demo-00.tif"])
def test_an_image_is_named_by_its_id_or_its_file(lab: Path, image: str) -> None:
    assert {row["image_id"] for row in listed(lab, image)} == {"demo-00"}


def test_an_image_is_named_by_the_beginning_of_its_id(lab: Path, dataset: ZarrDataset) -> None:
    dataset.add_image(pl.DataFrame({"x": [0]}).to_numpy().astype("u2"), axes="tx", image_id="z9")
    assert listed(lab, "z") == []
    assert (
        "names 2 images: demo-00 (baseline/demo-00.tif), demo-01 (AngII"
        in run("review", "list", lab, "de", check=2).stderr
    )
    assert "no image has this id" in run("review", "list", lab, "nope", check=1).stderr


def test_an_id_that_two_rois_have_is_asked_about(lab: Path) -> None:
    record = ZarrDataset(lab, mode="a").record("demo-00")
    events = record.load_df_parquet(EVENTS)
    second = events.with_columns(roi_id=pl.lit(2, pl.Int32))
    record.save_df_parquet(EVENTS, pl.concat([events, second]))
    found = run("review", "reject", lab, "demo-00", "0", check=2).stderr
    assert "'0' names 2 events: 1:1:0, 2:1:0" in found
    run("review", "reject", lab, "demo-00", "2:0")
    assert [row["roi_id"] for row in listed(lab, "demo-00") if row["rejected"]] == [2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("label", "LAB", "stall", "demo-00", "0"), "there is no label 'stall'"),
        (("label", "LAB", "other"), "name an image and its events, or give --where"),
        (("label", "LAB", "other", "demo-00"), "name an image and its events"),
        (("reject", "LAB", "demo-00", "99"), "there is no event '99'; events here: 0"),
        (("edit", "LAB", "demo-00", "0"), "give at least one of start, peak and end"),
        (("edit", "LAB", "demo-00", "0", "--start", "9"), "must follow one another"),
        (("edit", "LAB", "demo-00", "0", "--start", "nan"), "must be a time in s"),
        (("add", "LAB", "demo-00", "--start", "3", "--end", "2"), "must follow one another"),
        (("add", "LAB", "demo-00", "--start", "3", "--label", "x"), "there is no label 'x'"),
        (("remove", "LAB", "demo-00", "0"), "reject this one instead"),
        (("progress", "LAB", "--by", "colour"), "events have no column 'colour'"),
    ],
)
def test_what_makes_no_sense_is_refused(
    lab: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = listed(lab)
    command = [lab if each == "LAB" else each for each in arguments]
    told = " ".join(run("review", *command, check=2).stderr.split())
    assert message in told
    assert listed(lab) == before
    assert run("review", "log", lab, "--format", "json").stdout.strip() == "[]"


def test_events_that_cannot_be_read_are_said(lab: Path) -> None:
    ZarrDataset(lab, mode="a").record("demo-01").artifact_path(EVENTS, ".parquet").write_bytes(
        b"cut"
    )
    done = run("review", "list", lab, check=1)
    assert done.stderr.startswith("failed: demo-01: ")
    assert "demo-00" in done.stdout
    told = run("review", "reject", lab, "--where", "true", check=2).stderr
    assert "nothing was changed" in told
    assert not any(row["rejected"] for row in listed(lab, "demo-00"))


def test_events_without_ids_are_all_there_after_a_decision(lab: Path) -> None:
    record = ZarrDataset(lab, mode="a").record("demo-00")
    events = record.load_df_parquet(EVENTS)
    record.save_df_parquet(EVENTS, events.drop("event_id", "roi_id", "channel"))
    assert [row["event_id"] for row in listed(lab, "demo-00")] == [
        str(number) for number in range(events.height)
    ]
    run("review", "label", lab, "other", "demo-00", "1")
    after = record.load_df_parquet(EVENTS)
    assert after.height == events.height
    assert after["user_type"].to_list().count("other") == 1


def test_progress_counts_what_was_decided(lab: Path) -> None:
    run("review", "label", lab, "other", "demo-00", "0")
    run("review", "reject", lab, "demo-01", "0")
    every = listed(lab)
    out = run("review", "progress", lab, "--format", "json").stdout
    assert json.loads(out) == [
        {
            "n_events": len(every),
            "n_reviewed": 2,
            "n_rejected": 1,
            "n_edited": 0,
            "reviewed_percent": pytest.approx(200 / len(every)),
        }
    ]
    out = run("review", "progress", lab, "--by", "image_id", "--format", "json").stdout
    assert [(row["image_id"], row["n_rejected"]) for row in json.loads(out)] == [
        ("demo-00", 0),
        ("demo-01", 1),
    ]
    [none] = json.loads(
        run("review", "progress", lab, "--where", "false", "--format", "json").stdout
    )
    assert (none["n_events"], none["reviewed_percent"]) == (0, None)


@pytest.mark.long
def test_what_reviewers_disagree_on_is_settled(lab: Path) -> None:
    def disagreements() -> list[str]:
        run("index", lab, "images", "reviews")
        answer = run("sql", lab, "--query", "disagreements", "--format", "json").stdout
        return [row["verdicts"] for row in json.loads(answer)]

    run("review", "label", lab, "true_stall", "demo-00", "0")
    run("review", "label", lab, "other", "demo-00", "0", "--reviewer", "bob")
    assert disagreements() == ["ann: true_stall; bob: other"]
    out = run("review", "settle", lab, "reversal", "demo-00", "0", "--reviewer", "eve").stdout
    assert out.endswith("user_type: other → reversal\nsettle changed=1\n")
    run("review", "label", lab, "true_stall", "demo-00", "0")
    assert event(lab, "0")["user_type"] == "reversal"
    assert disagreements() == []
    run("review", "undo", lab, "--reviewer", "eve")
    assert event(lab, "0")["user_type"] == "true_stall"
    assert disagreements() == ["ann: true_stall; bob: other"]


def test_decisions_outlive_the_process_and_a_new_detection(lab: Path) -> None:
    for arguments in (
        ["review", "reject", lab, "demo-00", "0"],
        ["detect", lab, "-p", "smooth_sec=0.2"],
        ["review", "undo", lab],
        ["review", "redo", lab],
    ):
        command = [*COMMAND, *map(str, arguments)]
        environment = {**os.environ, "KYMFLOW_REVIEWER": "ann"}
        subprocess.run(command, check=True, env=environment, capture_output=True)
    assert event(lab, "0")["rejected"]
    bob = run("review", "label", lab, "other", "demo-00", "0", "--reviewer", "bob").stdout
    assert "→ other" in bob
    log = json.loads(run("review", "log", lab, "--reviewer", "bob", "--format", "json").stdout)
    assert [(row["reviewer"], row["verb"]) for row in log] == [("bob", "label")]


@pytest.mark.long
def test_check_says_where_events_and_journal_differ(lab: Path) -> None:
    record = ZarrDataset(lab, mode="a").record("demo-00")
    run("index", lab)
    before = record.load_df_parquet(EVENTS)
    run("review", "label", lab, "other", "demo-00", "0")
    labelled = record.load_df_parquet(EVENTS)
    assert run("check", lab, "--format", "json").stdout.strip() == "[]"
    assert run("review", "replay", lab).stdout == "replay changed=0\n"

    record.save_df_parquet(EVENTS, before)  # as a kill between the two leaves it
    [found] = json.loads(run("check", lab, "--format", "json", check=1).stdout)
    assert (found["kind"], found["problem"]) == (
        "review-differs",
        "decisions are in the journal only",
    )
    assert found["path"] == f"images/demo-00/analysis/{EVENTS}.parquet"
    told = "demo-00: decisions are in the journal only\n"
    assert run("review", "replay", lab, "--dry-run").stdout == f"{told}replay would change=1\n"
    assert record.load_df_parquet(EVENTS).equals(before)
    assert run("review", "replay", lab, "demo-00").stdout == f"{told}replay changed=1\n"
    assert record.load_df_parquet(EVENTS).equals(labelled)

    theirs = labelled.with_columns(note=pl.lit("from elsewhere"))
    record.save_df_parquet(EVENTS, theirs.with_columns(user_type=pl.lit("reversal")))
    [found] = json.loads(run("check", lab, "--format", "json", check=1).stdout)
    assert found["problem"] == f"another program changed {labelled.height} events"
    run("review", "replay", lab)
    assert run("check", lab, "--format", "json").stdout.strip() == "[]"
    log = json.loads(run("review", "log", lab, "--format", "json").stdout)
    assert ("external", "label", '{"user_type": "reversal"}') in [
        (row["reviewer"], row["verb"], row["after"]) for row in log
    ]
    assert set(record.load_df_parquet(EVENTS)["note"]) == {"from elsewhere"}


def test_check_says_what_is_torn_in_the_journal(lab: Path) -> None:
    run("review", "label", lab, "other", "demo-00", "0")
    journal = lab / "review" / "ann.jsonl"
    journal.write_bytes(journal.read_bytes() + b'{"verb": "lab')
    [found] = json.loads(run("check", lab, "--format", "json", check=1).stdout)
    assert (found["kind"], found["path"]) == ("journal-damaged", "review/ann.jsonl")
    assert found["problem"].startswith("line 2 ")
    run("review", "note", lab, "n", "demo-00", "0")
    [found] = json.loads(run("check", lab, "--format", "json", check=1).stdout)
    assert (found["kind"], found["path"]) == ("journal-torn", "review/ann.torn")
    assert event(lab, "0")["user_type"] == "other"


def test_events_are_exported_as_the_labs_files(lab: Path, tmp_path: Path) -> None:
    run("review", "label", lab, "other", "demo-00", "0")
    assert run("review", "export", lab, tmp_path / "lab").stdout == "export files=2\n"
    file = tmp_path / "lab" / "baseline" / "flow-analysis" / "demo-00_events.json"
    content = json.loads(file.read_text())
    assert content["version"] == "2.0"
    labels = [each["user_type"] for each in content["velocity_events"]["1:1"]]
    assert labels.count("other") == 1
    assert "is there already" in run("review", "export", lab, tmp_path / "lab", check=2).stderr
    assert run("review", "export", lab, tmp_path / "lab", "--replace").stdout == "export files=2\n"
