"""The commands that work on a Dask cluster, and what they say where there is none."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow.cli.errors import reported
from kymflow.cli.main import app
from kymflow.core.kym_dataset.tests.cluster import cluster
from kymflow_zarr import ZarrDataset


@pytest.fixture
def scheduler() -> Iterator[str]:
    with cluster(workers=1) as (address, _):
        yield address


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_the_commands_work_on_a_cluster(scheduler: str, tmp_path: Path, capsys) -> None:
    folder, dataset = tmp_path / "lab", str(tmp_path / "lab.zarr")
    (folder / "flow-analysis").mkdir(parents=True)
    tifffile.imwrite(folder / "a.tif", np.zeros((20, 4), np.uint16))
    (folder / "flow-analysis" / "a_radon.csv").write_text("time,velocity\n0,1\n0.1,1\n")
    scale = ["--seconds-per-line", "0.01", "--um-per-pixel", "0.3"]
    for command, result in (
        (["import", str(folder), dataset, *scale], "added=1"),
        (["velocity", dataset, "--replace-imported"], "measured=1"),
        (["detect", dataset], "detected=1"),
        (["index", dataset], "updated=1"),
    ):
        assert reported(app, [*command, "--dask", scheduler]) == 0
        assert result in capsys.readouterr().out


def test_a_scheduler_that_does_not_answer_is_said(
    dataset: ZarrDataset, monkeypatch, capsys
) -> None:
    monkeypatch.setattr("kymflow.core.workers.dask._ANSWER_WITHIN", "0.1s")
    index = ["index", str(dataset.path)]
    assert reported(app, [*index, "--dask", "tcp://127.0.0.1:1"]) == 1
    assert "no Dask scheduler answers at tcp://127.0.0.1:1" in capsys.readouterr().err
    assert reported(app, [*index, "--dask", "http://a"]) == 2
    assert reported(app, [*index, "--dask", "local", "--workers", "2"]) == 2


def test_without_dask_the_extra_is_named(dataset: ZarrDataset, monkeypatch, capsys) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert reported(app, ["index", str(dataset.path), "--dask", "local"]) == 1
    assert "pip install 'kymflow[dask]'" in capsys.readouterr().err
