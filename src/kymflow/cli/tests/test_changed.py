"""Whatever a command writes to images, ``kymflow index --changed`` finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import tifffile

from kymflow.cli.tests.test_command import run
from kymflow.cli.tests.test_velocity import ids
from kymflow_zarr import ZarrDataset
from tests.support.streaks import HEADER, streaks, write_lab

Lab = tuple[Path, Path]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return a lab folder and its dataset, with tables and a journal."""
    folder = write_lab(tmp_path / "lab", a=0.4, b=-0.7)
    run("run", folder, tmp_path / "lab.zarr")
    run("index", tmp_path / "lab.zarr", "--journal")
    return folder, tmp_path / "lab.zarr"


def add(lab: Lab) -> None:
    tifffile.imwrite(lab[0] / "c.tif", streaks(1.0))
    (lab[0] / "c.json").write_text(HEADER)
    run("import", *lab)


def change_pixels(lab: Lab) -> None:
    tifffile.imwrite(lab[0] / "a.tif", streaks(1.2))
    run("import", *lab)


def change_metadata(lab: Lab) -> None:
    header = {**json.loads(HEADER), "experiment_metadata": {"species": "rat"}}
    (lab[0] / "a.json").write_text(json.dumps(header))
    run("import", *lab)


def set_scale(lab: Lab) -> None:
    run("metadata", "set", lab[1], ids(lab[1])["a"], "seconds_per_line=0.002")
    run("velocity", lab[1])
    run("detect", lab[1])


def set_params(lab: Lab) -> None:
    run("params", "set", lab[1], ids(lab[1])["b"], "mad_k=4", "abs_score_floor=0.1")
    run("detect", lab[1])


def measure_again(lab: Lab) -> None:
    run("velocity", lab[1], "--mode", "replace", "-p", "window_lines=32")
    run("detect", lab[1])


def review(lab: Lab) -> None:
    run("review", "add", lab[1], ids(lab[1])["a"], "--start", 0.1, "--end", 0.2, "--note", "mine")


def undo(lab: Lab) -> None:
    review(lab)
    run("index", lab[1])
    run("review", "undo", lab[1])


def delete(lab: Lab) -> None:
    ZarrDataset(lab[1]).delete_image(ids(lab[1])["a"])


@pytest.mark.long
@pytest.mark.parametrize(
    "write",
    [
        change_pixels,
        review,
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in (
                add,
                change_metadata,
                set_scale,
                set_params,
                measure_again,
                undo,
                delete,
            )
        ),
    ],
)
def test_what_a_command_writes_is_found(lab: Lab, write: Callable[[Lab], None]) -> None:
    def verdicts() -> dict[str, list[tuple[str, str]]]:
        told = run("status", lab[1], "--verify", "--images", "--format", "json").stdout
        found: dict[str, list[tuple[str, str]]] = {}
        for row in json.loads(told):
            if row["step"] not in ("traces", "events"):
                found.setdefault(row["step"], []).append((row["image_id"], row["action"]))
        return found

    write(lab)
    run("index", lab[1], "--changed")
    copy = lab[1].with_name("full.zarr")
    shutil.copytree(lab[1], copy)
    here = verdicts()
    run("index", copy)
    assert "noted=0" in run("index", lab[1], "--changed").stdout
    assert here == verdicts()
    assert {action for rows in here.values() for _, action in rows} == {"skip"}
    for table in ("kym_images", "kym_velocity", "kym_velocity_events"):
        ours, whole = (ZarrDataset(path).load_table(table) for path in (lab[1], copy))
        assert ours.sort("image_id", maintain_order=True).equals(
            whole.sort("image_id", maintain_order=True)
        )
