"""An indexer of one's own is begun by a command, and run from its file."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from kymflow.cli.tests.test_command import run
from kymflow_zarr import ZarrDataset


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    dataset = ZarrDataset(tmp_path / "lab.zarr", mode="a")
    for number, image_id in enumerate("abc"):
        dataset.add_image(np.full((40, 8), number, np.uint16), image_id=image_id)
    return dataset.path


@pytest.mark.parametrize("workers", [(), pytest.param(("--workers", "2"), marks=pytest.mark.long)])
def test_the_example_runs_from_its_file(lab: Path, tmp_path: Path, workers, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    name = f"brightness_{len(workers)}"
    monkeypatch.setenv("PYTHONPATH", "")
    out = run("indexers", "new", name, "--folder", tmp_path / "own").stdout
    path = f"{tmp_path / 'own' / name}.py:Brightness{len(workers)}"
    assert out.splitlines()[-1].endswith(path)
    assert "updated=3" in run("index", lab, path, *workers).stdout
    table = ZarrDataset(lab).load_table(f"kym_{name}")
    assert table.select("image_id", "mean", "n_lines").rows() == [
        ("a", 0.0, 40),
        ("b", 1.0, 40),
        ("c", 2.0, 40),
    ]
    assert "updated=0 skipped=3" in run("index", lab, path).stdout
    assert run("status", lab, path, "--format", "json").stdout.count("fresh") == 1


@pytest.mark.long
def test_its_test_passes(tmp_path: Path) -> None:
    run("indexers", "new", "brightness", "--folder", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout


def test_registered_indexers_are_listed() -> None:
    rows = json.loads(run("indexers", "list", "--format", "json").stdout)
    assert {"images", "reviews", "velocity", "velocity_events"} <= {row["indexer"] for row in rows}
    assert all(row["table"] == f"kym_{row['indexer']}" for row in rows)


@pytest.mark.wide
@pytest.mark.parametrize(
    ("text", "name", "told"),
    [
        ("x = 1", "Mine", "has no class 'Mine'; its classes are none"),
        ("1 / 0", "Mine", "can't be run: ZeroDivisionError"),
        ("class Mine: pass", "Mine", "name"),
        ("class Mine:\n    def __init__(self, x): pass", "Mine", "can't be made"),
        (None, "Mine", "there is no file"),
    ],
)
def test_what_is_no_indexer_is_said(
    lab: Path, tmp_path: Path, text: str | None, name: str, told: str, monkeypatch, request
) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "")
    path = tmp_path / f"own_{abs(hash(request.node.name))}.py"
    if text is not None:
        path.write_text(text)
    assert told in " ".join(run("index", lab, f"{path}:{name}", check=2).stderr.split())


def test_names_are_checked_and_nothing_is_replaced(lab: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv("PYTHONPATH", "")
    assert "small letters" in run("indexers", "new", "Bad-Name", check=2).stderr
    run("indexers", "new", "mine", "--folder", tmp_path)
    assert (
        "is there already" in run("indexers", "new", "mine", "--folder", tmp_path, check=2).stderr
    )
    clash = tmp_path / "json.py"
    clash.write_text("class Mine: pass")
    told = run("index", lab, f"{clash}:Mine", check=2).stderr
    assert "another module called 'json'" in " ".join(told.split())
