"""Images are listed, deleted and restored; what a person deleted no import brings back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow.cli.tests.test_command import run
from kymflow_zarr import ZarrDataset
from tests.support.lab import Lab
from tests.support.terminal import on_terminal


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    for number, name in enumerate("abc"):
        lab.image(name, number)
    run("import", lab.root, tmp_path / "d.zarr")
    run("detect", tmp_path / "d.zarr")
    run("index", tmp_path / "d.zarr")
    return lab


@pytest.fixture
def data(lab: Lab) -> Path:
    return lab.root.with_name("d.zarr")


def listed(data: Path, *options: str) -> dict[str, str]:
    rows: list[dict[str, Any]] = json.loads(
        run("images", "list", data, *options, "--format", "json").stdout
    )
    return {row["path"]: row["image_id"] for row in rows}


def counted(data: Path) -> dict[str, int]:
    query = "SELECT source_path, count(*) AS n FROM kym_events JOIN kym_images USING (image_id) "
    query += "GROUP BY source_path"
    answer = run("sql", data, query, "--format", "json").stdout
    return {row["source_path"]: row["n"] for row in json.loads(answer)}


@pytest.mark.long
def test_a_deleted_image_stays_away_until_it_is_restored(lab: Lab, data: Path) -> None:
    before = listed(data)
    assert list(before) == ["a.tif", "b.tif", "c.tif"]
    events = counted(data)
    run("review", "label", data, "true_stall", "b", "0", "--reviewer", "ann")
    assert run("images", "delete", data, "b", "--dry-run").stdout.endswith("would delete=1\n")
    assert listed(data) == before
    out = run("images", "delete", data, "b.tif").stdout
    assert out == f"{before['b.tif']} (b.tif): deleted\nimages deleted=1\n"
    assert list(listed(data)) == ["a.tif", "c.tif"]
    assert listed(data, "--trash") == {"b.tif": before["b.tif"]}
    run("index", data)
    assert counted(data).keys() == {"a.tif", "c.tif"}
    for options in ((), ("--changed",), ("--copies",)):
        done = run("import", lab.root, data, *options)
        assert "skipped=2" in done.stdout
        assert "trashed=1" in done.stdout
        assert "b.tif was deleted here and stays so" in done.stderr
    assert run("check", data).stdout.splitlines()[1:] == []
    out = run("images", "restore", data, "b").stdout
    assert out == f"{before['b.tif']}: restored\nimages restored=1\n"
    assert listed(data) == before
    assert "trashed" not in run("import", lab.root, data).stdout
    run("index", data)
    assert counted(data) == events
    [row] = [
        row
        for row in json.loads(run("review", "list", data, "b", "--format", "json").stdout)
        if row["event_id"] == "0"
    ]
    assert row["user_type"] == "true_stall"


@pytest.mark.long
def test_a_deleted_file_that_moved_or_was_saved_again_stays_deleted(lab: Lab, data: Path) -> None:
    run("images", "delete", data, "a", "b")
    (lab.root / "later").mkdir()
    (lab.root / "a.tif").rename(lab.root / "later" / "other.tif")
    pixels = tifffile.imread(lab.root / "b.tif")
    tifffile.imwrite(lab.root / "b.tif", pixels, description="saved again")
    done = run("import", lab.root, data, "--changed")
    assert "added=0" in done.stdout
    assert "trashed=2" in done.stdout
    assert list(listed(data)) == ["c.tif"]


@pytest.mark.long
def test_a_recording_in_the_place_of_a_deleted_one_is_new(lab: Lab, data: Path) -> None:
    old = listed(data)["a.tif"]
    run("images", "delete", data, "a")
    tifffile.imwrite(lab.root / "a.tif", np.full((40, 6), 7, np.uint16))
    assert "added=1" in run("import", lab.root, data).stdout
    assert listed(data)["a.tif"] != old
    assert "trashed" not in run("import", lab.root, data).stdout
    assert "skipped=3" in run("import", lab.root, data).stdout


@pytest.mark.long
def test_what_is_not_there_is_said_and_changes_nothing(data: Path) -> None:
    before = listed(data)
    for wrong, code, told in (
        (("delete",), 2, "name images, or give --where"),
        (("delete", "a", "nope"), 1, "no such image"),
        (("restore",), 2, "name images, or give --all"),
        (("restore", "nope"), 1, "the trash holds no image"),
        (("list", "--trash", "--where", "true"), 2, "not in the trash"),
    ):
        verb, *rest = wrong
        assert told in " ".join(run("images", verb, data, *rest, check=code).stderr.split())
    assert listed(data) == before
    run("images", "delete", data, "--where", "source_path < 'c'")
    assert list(listed(data)) == ["c.tif"]
    assert run("images", "restore", data, "--all").stdout.endswith("images restored=2\n")
    assert listed(data) == before


@pytest.mark.long
def test_an_id_that_is_taken_is_not_replaced(data: Path) -> None:
    image_id = listed(data)["a.tif"]
    dataset = ZarrDataset(data, mode="a")
    dataset.trash_image(image_id)
    dataset.add_image(np.ones((4, 4), np.uint8), image_id=image_id)
    told = run("images", "restore", data, "a", check=2).stderr
    assert "holds an image of this id already" in told
    told = run("images", "delete", data, image_id, check=2).stderr
    assert "the trash holds an image of this id already" in told
    assert dataset.record(image_id).load_array().shape == (4, 4)


@pytest.mark.long
def test_people_are_told_the_file_beside_as_much_of_the_id_as_names_it(
    lab: Lab, data: Path
) -> None:
    before = listed(data)
    shown = on_terminal("status", data, "images", "--images")
    for file, image_id in before.items():
        [line] = [line for line in shown.splitlines() if file in line]
        assert line.split()[:3] == ["images", image_id[:8], file]
    rows = json.loads(run("status", data, "images", "--images", "--format", "json").stdout)
    assert {row["image_id"]: row["file"] for row in rows} == {i: f for f, i in before.items()}
