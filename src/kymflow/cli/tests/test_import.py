"""What ``kymflow import`` prints, and how it ends."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kymflow.cli.tests.test_command import run
from kymflow_zarr import ZarrDataset
from tests.support.lab import EVENT, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.image("a", 1)
    return lab


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new.zarr"


def test_what_is_new_and_what_is_there(lab: Lab, target: Path) -> None:
    first = run("import", lab.root, target)
    counts = "changed=0 moved=0 copies=0 conflicts=0 failed=0\n"
    assert (first.stdout, first.stderr) == (f"import added=1 updated=0 skipped=0 {counts}", "")
    assert run("import", lab.root, target).stdout == f"import added=0 updated=0 skipped=1 {counts}"


def test_what_changed_is_told(lab: Lab, target: Path) -> None:
    run("import", lab.root, target)
    lab.sidecar("a", condition="AngII")
    done = run("import", lab.root, target)
    assert "changed=1" in done.stdout
    assert done.stderr == "warning: 1 image differs from its files (a.tif): --changed merges it\n"
    done = run("import", lab.root, target, "--changed")
    assert "updated=1" in done.stdout
    assert done.stderr == ""


def test_a_conflict_is_listed_and_ends_with_1(lab: Lab, target: Path) -> None:
    run("import", lab.root, target)
    [rec] = ZarrDataset(target, mode="a").iter_records()
    metadata = rec.load_metadata_payload()
    metadata["experiment_metadata"]["condition"] = "here"
    rec.save_metadata_payload(metadata)
    lab.sidecar("a", condition="there", note="")
    done = run("import", lab.root, target, "--changed", check=1)
    assert "updated=1" in done.stdout
    assert "conflicts=1" in done.stdout
    assert done.stderr == (
        'conflict: a.tif: experiment_metadata.condition: "here" kept; '
        'the folder has "there", "control" before\n'
    )
    assert run("import", lab.root, target, "--changed").stderr == ""


def test_moves_and_copies_are_listed(lab: Lab, target: Path) -> None:
    run("import", lab.root, target)
    lab.tif("twice", 1)
    done = run("import", lab.root, target)
    assert (
        done.stderr == "copy: twice.tif holds the pixels of a.tif: left out; --copies imports it\n"
    )
    assert "added=1" in run("import", lab.root, target, "--copies").stdout
    for path in [*lab.root.glob("twice*")]:
        path.rename(path.with_name("moved.tif"))
    done = run("import", lab.root, target)
    assert "moved=1" in done.stdout
    assert done.stderr == f"moved: moved.tif was {lab.root}/twice.tif\n"


def test_other_pixels_are_told(lab: Lab, target: Path) -> None:
    run("import", lab.root, target)
    lab.tif("a", 2)
    done = run("import", lab.root, target, "--changed")
    assert done.stderr.startswith("reacquired: a.tif: its pixels were replaced")


def test_links_are_told(lab: Lab, target: Path, tmp_path: Path) -> None:
    Lab(tmp_path / "nas").image("b", 2)
    os.symlink(tmp_path / "nas", lab.root / "day1")
    done = run("import", lab.root, target)
    assert (
        done.stderr == "warning: passed over 1 linked folder (day1); --follow-links searches it\n"
    )
    done = run("import", lab.root, target, "--follow-links")
    assert ("added=1" in done.stdout, done.stderr) == (True, "")


@pytest.mark.parametrize("folder", ["empty", "typo", "links"])
def test_a_wrong_folder_is_an_error_and_makes_no_dataset(
    tmp_path: Path, target: Path, folder: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "links").mkdir()
    os.symlink(tmp_path / "empty", tmp_path / "links" / "day1")
    done = run("import", tmp_path / folder, target, check=1 if folder == "typo" else 2)
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert not target.exists()


def test_long_lists_are_cut_and_say_so(lab: Lab, target: Path) -> None:
    run("import", lab.root, target)
    for number in range(205):
        (lab.root / f"copy{number}.tif").write_bytes((lab.root / "a.tif").read_bytes())
    lines = run("import", lab.root, target).stderr.splitlines()
    assert len(lines) == 201
    assert lines[-1].startswith("copy: … and 5 more")


@pytest.mark.long
def test_events_of_the_folder_and_of_a_person_meet(lab: Lab, target: Path) -> None:
    run("import", lab.root, target)
    run("index", target)
    lab.events("a", {**EVENT, "user_type": "true_stall"})
    run("import", lab.root, target, "--changed")
    run("index", target)
    rows = run("sql", target, "SELECT user_type FROM kym_velocity_events", "--format", "csv")
    assert rows.stdout == "user_type\ntrue_stall\n"


@pytest.mark.long
def test_fields_are_told_by_paths(tmp_path: Path) -> None:
    lab = Lab(tmp_path / "lab")
    for number, name in enumerate(("control/d1/a", "28d AngII/d2/b", "c")):
        lab.tif(name, number)
    lab.sidecar("control/d1/a", condition="by the sidecar")
    data = tmp_path / "d.zarr"
    rule = "{condition}/{date}/{name}"
    assert "the rule" in run("import", lab.root, data, "--fields", "{name}", check=2).stderr
    assert not data.exists()
    done = run("import", lab.root, data, "--fields", rule)
    assert "does not fit c.tif: nothing was set there" in " ".join(done.stderr.split())

    def fields() -> dict[str, dict[str, str]]:
        run("index", data, "images")
        query = "SELECT source_path, condition, date FROM kym_images"
        rows = json.loads(run("sql", data, query, "--format", "json").stdout)
        return {row.pop("source_path"): row for row in rows}

    expected = {
        "28d AngII/d2/b.tif": {"condition": "28d AngII", "date": "d2"},
        "c.tif": {"condition": None, "date": None},
        "control/d1/a.tif": {"condition": "by the sidecar", "date": "d1"},
    }
    assert fields() == expected
    again = run("metadata", "from-path", data, rule, "--where", "source_path <> 'c.tif'")
    assert again.stdout == "metadata changed=0\n"
    told = run("metadata", "from-path", data, rule, "--replace", "--dry-run", check=1).stdout
    assert "condition: by the sidecar → control\nmetadata would change=1\n" in told
    assert fields() == expected
    run("metadata", "from-path", data, rule, "--replace", check=1)
    assert fields()["control/d1/a.tif"] == {"condition": "control", "date": "d1"}
