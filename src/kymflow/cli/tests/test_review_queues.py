"""Blind review, by the command alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kymflow.cli.tests.test_command import run
from kymflow.core.synthetic import Stretch, add_synthetic_image
from kymflow_zarr import ZarrDataset

IMAGES = ("demo-00", "demo-01", "demo-02")


def three_images(dataset: ZarrDataset) -> None:
    for number in range(3):
        add_synthetic_image(dataset, number, [Stretch(1, 2), Stretch(4, 5)])
    run("detect", dataset.path)
    run("index", dataset.path, "images")


@pytest.fixture
def lab(dataset: ZarrDataset, made_once, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a dataset of three images with events; ann reviews it."""
    monkeypatch.setenv("KYMFLOW_REVIEWER", "ann")
    return made_once(dataset, three_images).path


def answer(*arguments: object) -> list[dict[str, Any]]:
    return json.loads(run(*arguments, "--format", "json").stdout)


def test_a_sample_is_counted_and_kept_under_a_name(lab: Path) -> None:
    counted = answer("review", "sample", lab, "--per", "condition", 2, "--seed", 7)
    assert counted
    assert {row["n_events"] for row in counted} == {2}
    assert answer("review", "queues", lab) == []
    done = run("review", "sample", lab, "--size", 4, "--seed", 7, "--save", "first")
    assert "4 events of" in done.stderr
    assert f"kymflow review list {lab} --queue first" in " ".join(done.stderr.split())
    [row] = answer("review", "queues", lab)
    assert (row["queue"], row["n_events"], row["seed"], row["drawn_by"]) == ("first", 4, 7, "ann")
    again = run("review", "sample", lab, "--size", 4, "--save", "first", check=2)
    assert "choose another name" in again.stderr
    for wrong in ((), ("--size", 1, "--per", "condition", 1)):
        assert (
            "either --per COLUMN N or --size N"
            in run("review", "sample", lab, *wrong, check=2).stderr
        )


def test_whoever_goes_by_a_queue_is_shown_aliases_until_unblinded(
    lab: Path, tmp_path: Path
) -> None:
    run("review", "sample", lab, "--size", 4, "--save", "first")
    by = ("--queue", "first")
    rows = answer("review", "list", lab, *by)
    assert len(rows) == 4
    alias, event = rows[0]["image_id"], rows[0]["event_id"]
    picture = tmp_path / "picture.svg"
    said = [
        json.dumps(rows),
        run("review", "label", lab, "true_stall", alias, event, *by).stdout,
        run("review", "note", lab, "clear", alias, event, *by).stdout,
        run("review", "edit", lab, alias, event, "--start", 0.5, *by).stdout,
        run("review", "edit", lab, alias, event, "--end", 1e6, *by, check=2).stderr,
        run("review", "reject", lab, alias, event, *by, "--dry-run").stdout,
        run("review", "add", lab, alias, "--start", 6, "--end", 6.5, *by).stdout,
        run("review", "remove", lab, alias, "user-0", *by).stdout,
        run("review", "label", lab, "other", "--where", "t_start_s > 3", *by).stdout,
        run("review", "undo", lab, *by).stdout,
        run("review", "label", lab, "other", "demo", event, *by, check=2).stderr.replace(
            "'demo'", ""
        ),
        run("review", "progress", lab, *by).stdout,
        run("show", lab, alias, *by, "-o", picture).stdout,
        picture.read_text(),
    ]
    for text in said:
        assert "demo-" not in text.replace(str(lab), ""), text[:2000]
    assert alias in picture.read_text()
    own = answer("review", "list", lab, *by)[0]
    assert (own["user_type"], own["note"], own["t_start_s"]) == ("true_stall", "clear", 0.5)
    unblinded = answer("review", "unblind", lab, "first")
    image = next(row["image_id"] for row in unblinded if row["alias"] == alias)
    assert image in IMAGES
    [real] = [r for r in answer("review", "list", lab, image) if r["event_id"] == event]
    assert (real["user_type"], real["note"]) == ("true_stall", "clear")
    log = answer("review", "log", lab)
    assert [row["verb"] for row in log][-2:] == ["undo", "unblind"]
    assert log[0]["target"] == "first"
    [row] = answer("review", "progress", lab, *by)
    assert (row["reviewer"], row["n_judged"], row["unblinded"]) == ("ann", 1, True)
