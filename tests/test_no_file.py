"""What is no file, in the place of any file of a dataset, is said and never waited for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kymflow.cli.main import app
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ArtifactError, ZarrDataset
from kymflow_zarr.store.files import open_plain
from kymflow_zarr.store.reads import read_file

pytestmark = pytest.mark.skipif(os.name == "nt", reason="about pipes and devices of POSIX")

COMMANDS = (
    ("sql", "{}", "SELECT count(*) FROM kym_images"),
    ("status", "{}"),
    ("tables", "{}"),
    ("schema", "{}", "kym_velocity_events"),
    ("params", "get", "{}", "a"),
    ("show", "{}", "a", "-o", "{}.svg"),
    ("export", "{}", "kym_velocity_events_params", "-o", "{}.csv"),
    ("export", "{}", "-o", "{}.duckdb"),
    ("check", "{}"),
    ("detect", "{}"),
    ("index", "{}"),
    ("index", "{}", "--mode", "replace"),
    ("check", "{}", "--repair"),
)
RUN = """
import sys
from kymflow.cli.errors import reported
from kymflow.cli.main import app
for command in eval(sys.argv[2]):
    print("RUN", command, file=sys.stderr, flush=True)
    code = reported(app, [word.replace("{}", sys.argv[1]) for word in command])
    print("CODE", code, file=sys.stderr, flush=True)
"""


def pipe(path: Path) -> None:
    os.mkfifo(path)


def endless(path: Path) -> None:
    path.symlink_to("/dev/zero")


def open_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        folder = os.open(path.parent, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{folder}/{path.name}")  # the whole path may be too long
        os.close(folder)


def folder(path: Path) -> None:
    path.mkdir()


KINDS = (pipe, endless, open_socket, folder)


def whole(path: Path) -> Path:
    dataset = ZarrDataset(path, mode="a")
    times = np.arange(400) / 100
    for image_id in "ab":
        record = dataset.add_image(np.ones((400, 8), np.uint8), image_id=image_id)
        record.save_metadata_payload({"header": {"voxels": [0.01, 0.3]}})
        trace = {"roi_id": [1] * 400, "channel": [1] * 400, "time": times, "velocity": times}
        record.save_df_parquet("velocity/trace", pl.DataFrame(trace))
    detect_dataset(dataset)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        kym.update_index(indexer)
    dataset.update_manifest()
    return path


def run_all(dataset: Path) -> str:
    """Run every command on a dataset, in one process; return what they say."""
    script = [sys.executable, "-c", RUN, str(dataset), repr(COMMANDS)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=240, check=False)
    said = done.stderr
    assert said.count("CODE") == len(COMMANDS), said[-3000:]
    assert "Traceback" not in said, said
    return said


def check_said(said: str) -> None:
    """Check that each command that failed says why."""
    for part in said.split("RUN ")[1:]:
        told, _, code = part.partition("CODE ")
        _, *lines = told.splitlines()
        assert int(code) in (0, 1, 2)
        if int(code) and "'check'" not in part.splitlines()[0]:  # a check lists what it found
            assert any(line.startswith(("error:", "failed:", "Error:")) for line in lines), part


def files(dataset: Path) -> list[str]:
    found = (path.relative_to(dataset).as_posix() for path in dataset.rglob("*") if path.is_file())
    return sorted(name for name in found if not name.startswith("images/b/"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole(tmp_path_factory.mktemp("whole") / "data.zarr")


def try_all(made: Path, tmp_path: Path, name: str, make: Callable[[Path], None]) -> None:
    dataset = tmp_path / "data.zarr"
    shutil.copytree(made, dataset)
    (dataset / name).unlink(missing_ok=True)
    make(dataset / name)
    check_said(run_all(dataset))


SOME = (
    "tables/lake.json",
    "tables/kym_velocity_events.parquet",
    "index/kym_velocity_events.runs.parquet",
    "images/a/analysis/velocity_events/events.parquet",
    "images/a/data/zarr.json",
)


@pytest.mark.parametrize(
    "name", [SOME[0], *(pytest.param(name, marks=pytest.mark.long) for name in SOME[1:])]
)
def test_a_pipe_is_said_and_not_waited_for(made: Path, tmp_path: Path, name: str) -> None:
    try_all(made, tmp_path, name, pipe)


@pytest.mark.long
@pytest.mark.parametrize("make", KINDS)
def test_what_is_no_file_is_said_in_any_place(
    made: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    for name in [*files(made), "tables/lake.json"]:
        try_all(made, tmp_path / name.replace("/", "-"), name, make)


@pytest.mark.parametrize("make", KINDS)
def test_reading_what_is_no_file_is_an_error(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "x")
    for read in (read_file, open_plain):
        with pytest.raises(OSError, match=r"not a regular file|No such device|Is a directory"):
            read(tmp_path / "x")


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize("place", ["zarr.json", "c", "c/0"])
def test_pixels_that_are_no_files_are_an_error(
    made: Path, tmp_path: Path, make: Callable[[Path], None], place: str
) -> None:
    shutil.copytree(made, tmp_path / "data.zarr")
    record = ZarrDataset(tmp_path / "data.zarr", mode="r").record("a")
    path = record.path / "data" / place
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()
    make(path)
    if make is folder and place != "zarr.json":  # chunks that are not there are zero
        assert not record.load_array().any()
        return
    with pytest.raises(ArtifactError):
        record.load_array()


@pytest.mark.parametrize(
    "arguments",
    [
        ("sql", "{data}", "--file", "{pipe}"),
        ("detect", "{data}", "--params", "{pipe}"),
        ("sql", "{data}", "SELECT 1", "-o", "{pipe}"),
        ("plot", "{data}", "SELECT 1 AS x", "--kind", "hist", "-o", "{pipe}.svg"),
        ("export", "{data}", "kym_images", "-o", "{pipe}.csv"),
        ("import", "{pipe}", "{data}"),
        ("status", "{pipe}"),
    ],
)
def test_a_pipe_that_a_person_names_is_refused(
    made: Path, tmp_path: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    from kymflow.cli.errors import reported

    for name in ("pipe", "pipe.svg", "pipe.csv"):
        os.mkfifo(tmp_path / name)
    words = [word.format(data=made, pipe=tmp_path / "pipe") for word in arguments]
    assert reported(app, words) in (1, 2)
    assert "pipe" in capsys.readouterr().err
    assert (tmp_path / "pipe").is_fifo()
