"""What ``kymflow import`` says of files that leave something open."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow.cli.tests.test_command import run
from kymflow.core.lab_folder.tests.headers import header

SCALE = (
    "SELECT source_path AS path, seconds_per_line AS s, um_per_pixel AS um, scale_source, "
    "import_notes FROM kym_images ORDER BY ALL"
)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a lab folder of three images without a scale and one with a header."""
    folder = tmp_path / "lab"
    folder.mkdir()
    for number, name in enumerate("abcd"):
        tifffile.imwrite(folder / f"{name}.tif", np.full((100, 8), number, np.uint16))
    (folder / "d.txt").write_text(header())
    return folder


def rows(path: Path) -> list[dict[str, object]]:
    run("index", path, "images")
    return json.loads(run("sql", path, SCALE, "--format", "json").stdout)


def test_a_missing_scale_is_said_once_for_all_images(lab: Path, tmp_path: Path) -> None:
    done = run("import", lab, tmp_path / "x.zarr")
    assert "added=4" in done.stdout
    said = "no scale: nothing tells its s per line and µm per pixel"
    assert done.stderr.splitlines() == [f"warning: a.tif and 2 more: {said}"]
    found = rows(tmp_path / "x.zarr")
    assert [row["import_notes"] for row in found] == [said, said, said, None]
    assert found[3] == {
        "path": "d.tif",
        "s": 0.00117,
        "um": 0.284,
        "scale_source": "olympus",
        "import_notes": None,
    }


def test_a_scale_given_goes_to_the_images_that_lack_one(lab: Path, tmp_path: Path) -> None:
    options = ("--seconds-per-line", "0.002", "--um-per-pixel", "0.5")
    done = run("import", lab, tmp_path / "x.zarr", *options)
    assert done.stderr == ""
    found = rows(tmp_path / "x.zarr")
    assert [(row["s"], row["um"]) for row in found] == [(0.002, 0.5)] * 3 + [(0.00117, 0.284)]
    assert [row["scale_source"] for row in found] == ["given"] * 3 + ["olympus"]


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "1e400", "half", ""])
def test_a_scale_that_is_no_positive_number_is_refused(
    lab: Path, tmp_path: Path, value: str
) -> None:
    done = run("import", lab, tmp_path / "x.zarr", "--um-per-pixel", value, check=2)
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_what_is_contradicted_is_said_and_nothing_fails(lab: Path, tmp_path: Path) -> None:
    (lab / "a.txt").write_text(header(x="8, 0.0 - 9.9 [um], 0.284 [um/pixel]"))
    (lab / "b.txt").write_text(header(date="02/11/2022 14:30:15"))
    (lab / "c.txt").write_text("my notes of that day")
    done = run("import", lab, tmp_path / "x.zarr")
    assert "added=4" in done.stdout
    lines = done.stderr.splitlines()
    assert all(line.startswith("warning: ") for line in lines)
    about = [line.removeprefix("warning: ").split(":")[0] for line in lines]
    assert about == ["a.tif", "a.tif", "b.tif", "c.tif", "c.tif"]
    assert "neither is used" in lines[0]
    assert "is 2022-11-02 or 2022-02-11" in lines[2]
    assert "is not an Olympus header" in lines[3]
