"""``kymflow metadata``: what people set counts, makes due what depends on it, and stays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow.cli.tests.test_command import run
from kymflow.cli.tests.test_velocity import ids
from kymflow_zarr import ZarrDataset
from tests.support.streaks import HEADER, streaks, write_lab


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a dataset of two images, measured and indexed."""
    write_lab(tmp_path / "lab", a=0.4, b=-0.7)
    run("run", tmp_path / "lab", tmp_path / "lab.zarr")
    return tmp_path / "lab.zarr"


def fields(lab: Path, *arguments: object) -> dict[tuple[str, str], str]:
    out = run("metadata", "get", lab, *arguments, "--format", "json").stdout
    return {(row["image_id"], row["key"]): row["value"] for row in json.loads(out)}


def image(lab: Path, image_id: str, columns: str) -> dict[str, object]:
    query = f"SELECT {columns} FROM kym_images WHERE image_id = '{image_id}'"
    [row] = json.loads(run("sql", lab, query, "--format", "json").stdout)
    return row


@pytest.mark.long
def test_a_scale_set_makes_its_image_due_everywhere_and_no_other(lab: Path) -> None:
    a, b = ids(lab)["a"], ids(lab)["b"]
    said = run("metadata", "set", lab, a, "um_per_pixel=0.25").stdout
    assert said == f"{a}: um_per_pixel: 0.5 → 0.25\nmetadata changed=1\n"
    assert fields(lab) == {
        (a, "seconds_per_line"): "0.001",
        (a, "um_per_pixel"): "0.25",
        (b, "seconds_per_line"): "0.001",
        (b, "um_per_pixel"): "0.5",
    }
    assert "images,update,params_changed,1,1" in run("status", lab).stdout
    assert "measured=1 skipped=1" in run("velocity", lab).stdout
    assert "detected=1 skipped=1" in run("detect", lab).stdout
    done = run("index", lab).stdout
    assert done.count("updated=1 skipped=1") == 3
    told = image(lab, a, "um_per_pixel, scale_source")
    assert told == {
        "um_per_pixel": 0.25,
        "scale_source": "seconds_per_line: sidecar, um_per_pixel: set by hand",
    }


@pytest.mark.long
def test_a_field_makes_its_image_due_in_kym_images_alone(lab: Path) -> None:
    a = ids(lab)["a"]
    run("metadata", "set", lab, a, "condition=AngII", "depth=0.1 mm", "Dose (mg)=3=x")
    assert "measured=0 skipped=2" in run("velocity", lab).stdout
    assert "detected=0 skipped=2" in run("detect", lab).stdout
    done = run("index", lab).stdout.splitlines()
    assert ["updated=1" in line for line in done] == ["indexer=images " in line for line in done]
    assert image(lab, a, 'condition, depth, "dose (mg)" AS dose') == {
        "condition": "AngII",
        "depth": pytest.approx(100),
        "dose": "3=x",
    }
    assert "metadata changed=0" in run("metadata", "set", lab, a, "condition=AngII").stdout
    assert "updated=0 skipped=2" in run("index", lab, "images").stdout
    run("metadata", "set", lab, a, "condition=")
    assert (a, "condition") not in fields(lab)


@pytest.mark.long
def test_where_and_all_and_dry_run_pick_what_changes(lab: Path) -> None:
    a, b = ids(lab)["a"], ids(lab)["b"]
    dry = run("metadata", "set", lab, "--all", "--dry-run", "sex=f").stdout
    assert "metadata would change=2" in dry
    assert not [key for key in fields(lab) if key[1] == "sex"]
    run("metadata", "set", lab, "--where", "source_path = 'b.tif'", "sex=f")
    assert fields(lab)[b, "sex"] == "f"
    assert (a, "sex") not in fields(lab)
    assert {image_id for image_id, _ in fields(lab, "--where", "source_path = 'b.tif'")} == {b}
    run("metadata", "set", lab, "--all", "sex=m")
    assert {fields(lab)[each, "sex"] for each in (a, b)} == {"m"}


@pytest.mark.long
@pytest.mark.parametrize(
    "assignment",
    [
        *("um_per_pixel=0", "seconds_per_line=nan", "depth=deep", "=3"),
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in (
                *("um_per_pixel=-1", "seconds_per_line=1e999", "um_per_pixel=half"),
                *("Depth=deep", "branch_order=2.5", " =3"),
            )
        ),
    ],
)
def test_a_value_that_is_not_valid_changes_nothing(lab: Path, assignment: str) -> None:
    files = [path.read_bytes() for path in sorted(lab.glob("images/*/analysis/metadata.json"))]
    done = run("metadata", "set", lab, "--all", "sex=f", assignment, check=2)
    assert done.stdout == ""
    assert done.stderr
    assert files == [
        path.read_bytes() for path in sorted(lab.glob("images/*/analysis/metadata.json"))
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "code"), [(["sex=f"], 2), (["nope", "sex=f"], 1), (["--all"], 2)]
)
def test_images_must_be_named_and_be_there(lab: Path, arguments: list[str], code: int) -> None:
    run("metadata", "set", lab, *arguments, check=code)
    assert sorted(ZarrDataset(lab, mode="r").list_image_ids()) == sorted(ids(lab).values())


@pytest.mark.long
def test_nothing_else_of_the_metadata_changes(lab: Path) -> None:
    record = ZarrDataset(lab, mode="a").record(ids(lab)["a"])
    before = record.load_metadata_payload()
    before["experiment_metadata"] = {"depth": 120, "tags": ["x", 1], "note": ""}
    before["own"] = {"of": "the lab"}
    before["header"]["physical_size"] = [0.4, 12.0]
    record.save_metadata_payload(before)
    run("metadata", "set", lab, record.image_id, "seconds_per_line=0.002", "sex=f")
    after = record.load_metadata_payload()
    assert after.pop("set_by_hand") == {"seconds_per_line": "0.002", "sex": "f"}
    assert after["experiment_metadata"] == {**before["experiment_metadata"], "sex": "f"}
    assert after["header"] == {
        **before["header"],
        "voxels": [0.002, 0.5],
        "voxels_units": ["s", "um"],
        "physical_size": [0.8, 12.0],
        "scale_source": {"seconds_per_line": "set by hand", "um_per_pixel": "sidecar"},
    }
    same = ("version", "rois", "accepted", "analysis", "source", "import_notes", "own")
    assert {key: after[key] for key in same} == {key: before[key] for key in same}
    run("metadata", "set", lab, record.image_id, "seconds_per_line=")
    assert (record.image_id, "seconds_per_line") not in fields(lab)
    assert "failed=1" in run("velocity", lab, check=1).stdout


@pytest.mark.long
def test_what_people_set_outlives_an_import_of_changed_files(lab: Path, tmp_path: Path) -> None:
    a = ids(lab)["a"]
    run("metadata", "set", lab, a, "um_per_pixel=0.25", "condition=AngII", "note=")
    tifffile.imwrite(tmp_path / "lab" / "a.tif", np.roll(streaks(0.4), 3, axis=0))
    sidecar = {**json.loads(HEADER), "experiment_metadata": {"sex": "f", "condition": "control"}}
    (tmp_path / "lab" / "a.json").write_text(json.dumps(sidecar))
    done = run("import", tmp_path / "lab", lab, "--changed", check=1)
    assert "updated=1" in done.stdout
    assert 'experiment_metadata.condition: "AngII" kept' in done.stderr
    assert {key: value for (image_id, key), value in fields(lab).items() if image_id == a} == {
        "seconds_per_line": "0.001",
        "um_per_pixel": "0.25",
        "condition": "AngII",
        "sex": "f",
    }
    assert "measured=1 skipped=1" in run("velocity", lab).stdout


@pytest.mark.long
def test_what_was_set_is_taken_back(lab: Path) -> None:
    a, b = ids(lab)["a"], ids(lab)["b"]
    record = ZarrDataset(lab, mode="a").record(a)
    before = record.load_metadata_payload()
    diff = ("metadata", "diff", lab, "--format", "json")
    assert json.loads(run(*diff).stdout) == []
    run("metadata", "set", lab, a, "um_per_pixel=0.25", "condition=AngII", "seconds_per_line=0.002")
    assert json.loads(run(*diff).stdout) == [
        {"image_id": a, "key": key, "of_file": of_file, "now": now}
        for key, of_file, now in (
            ("condition", None, "AngII"),
            ("seconds_per_line", "0.001", "0.002"),
            ("um_per_pixel", "0.5", "0.25"),
        )
    ]
    told = run("metadata", "unset", lab, "a", "--key", "um_per_pixel", "--dry-run").stdout
    assert told == f"{a}: um_per_pixel: 0.25 → 0.5\nmetadata would change=1\n"
    run("metadata", "unset", lab, "a.tif", "--key", "um_per_pixel")
    assert fields(lab, a) == {
        (a, "condition"): "AngII",
        (a, "seconds_per_line"): "0.002",
        (a, "um_per_pixel"): "0.5",
    }
    assert "was not set by hand" in run(
        "metadata", "unset", lab, "a", "--key", "um_per_pixel", check=2
    ).stderr  # fmt: skip
    run("metadata", "unset", lab, a, b)
    assert record.load_metadata_payload() == before
    assert json.loads(run(*diff).stdout) == []
    assert "images,skip,fresh,2,2" in run("status", lab).stdout
    assert run("metadata", "unset", lab, "--all").stdout == "metadata changed=0\n"
    assert "name images, or give --where or --all" in run("metadata", "unset", lab, check=2).stderr


@pytest.mark.long
def test_history_and_undo_also_after_an_import_of_changed_files(lab: Path, tmp_path: Path) -> None:
    a, b = ids(lab)["a"], ids(lab)["b"]
    run("metadata", "set", lab, a, b, "condition=AngII")
    run("metadata", "set", lab, a, "note=x")
    sidecar = json.loads((tmp_path / "lab" / "a.json").read_text())
    sidecar["experiment_metadata"] = {"species": "mouse"}
    (tmp_path / "lab" / "a.json").write_text(json.dumps(sidecar))
    run("import", tmp_path / "lab", lab, "--changed")
    listed = json.loads(run("metadata", "history", lab, a, "--format", "json").stdout)
    assert [(row["key"], row["before"], row["after"]) for row in listed] == [
        ("condition", None, "AngII"),
        ("note", None, "x"),
    ]
    said = run("metadata", "undo", lab, "--all").stdout
    assert said.endswith("metadata changed=2\n")
    assert f"{a}: note: x → " in said
    assert f"{b}: condition: AngII → " in said
    assert fields(lab)[a, "condition"] == "AngII"
    assert fields(lab)[a, "species"] == "mouse"
    states = run("metadata", "history", lab, "--format", "json").stdout
    assert [row["state"] for row in json.loads(states) if row["image_id"] == b] == [
        "undone",
        "undo",
    ]
    assert "name images" in run("metadata", "undo", lab, check=2).stderr
