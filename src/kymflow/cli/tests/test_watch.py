"""``--watch`` as a process of its own: real writes, and Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from threading import Thread

import pytest
import tifffile

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.watch import is_on_network
from kymflow_zarr import ZarrDataset
from tests.support.images import add_image, save_events
from tests.support.streaks import HEADER, streaks, write_lab

EVENTS = VelocityEventIndexer()
PATIENCE_S = 60.0


class Watching:
    """A command that watches, and the lines it prints."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kymflow.cli.main", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        self.out: Queue[str] = Queue()
        self.err: Queue[str] = Queue()
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            Thread(target=lambda s=stream, q=lines: [q.put(line) for line in s]).start()

    def wait_for(self, text: str, lines: Queue[str]) -> str:
        while text not in (line := lines.get(timeout=PATIENCE_S)):
            pass
        return line

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=PATIENCE_S)


@pytest.fixture
def dataset(tmp_path: Path) -> ZarrDataset:
    made = ZarrDataset(tmp_path / "lab.zarr")
    add_image(made, "a", 2)
    made.journal.turn_on()
    return made


@pytest.fixture
def watch() -> Iterator[Callable[..., Watching]]:
    started: list[Watching] = []

    def start(*arguments: str) -> Watching:
        started.append(Watching(*arguments))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


@pytest.mark.parametrize("how", [(), pytest.param(("--poll",), marks=pytest.mark.long)])
def test_index_follows_what_is_written(dataset: ZarrDataset, watch, how) -> None:
    running = watch("index", str(dataset.path), "velocity_events", "--watch", *how)
    assert "updated=1 pruned=0 failed=0" in running.wait_for("velocity_events", running.out)
    running.wait_for("watching", running.err)
    add_image(dataset, "b", 3)
    running.wait_for("updated=1", running.out)
    save_events(dataset.record("a"), 5)
    dataset.record("a").save_json("velocity_events/params", {"mad_k": 4.0})
    running.wait_for("updated=1", running.out)
    dataset.delete_image("b")
    running.wait_for("pruned=1", running.out)
    assert running.interrupt() == 0
    assert running.out.empty()
    verdicts = KymDataset(dataset).staleness(EVENTS, verify=True)
    assert verdicts.select("image_id", "action").rows() == [("a", "skip")]


@pytest.mark.long
def test_images_that_others_put_there_and_remove_are_seen(dataset: ZarrDataset, watch) -> None:
    running = watch("index", str(dataset.path), "velocity_events", "--watch")
    running.wait_for("watching", running.err)
    images = dataset.path / "images"
    os.rename(images / "a", images / "other")
    line = running.wait_for("updated=1", running.out)
    if "pruned=1" not in line:  # the two were told apart
        running.wait_for("pruned=1", running.out)
    assert running.interrupt() == 0


@pytest.mark.long
def test_everything_is_looked_at_now_and_then(dataset: ZarrDataset, watch) -> None:
    running = watch("index", str(dataset.path), "velocity_events", "--watch", "--every", "1")
    running.wait_for("watching", running.err)
    running.wait_for("updated=1", running.out)
    path = dataset.record("a").artifact_path("velocity_events/params", ".json")
    path.write_text('{"mad_k": 7.0}')  # noted by nobody
    running.wait_for("updated=1", running.out)
    assert running.interrupt() == 0


@pytest.mark.long
def test_a_failure_is_told_and_does_not_end_it(dataset: ZarrDataset, watch) -> None:
    running = watch("index", str(dataset.path), "velocity_events", "--watch")
    running.wait_for("watching", running.err)
    record = dataset.record("a")
    with record.noting():
        record.artifact_path("velocity_events/params", ".json").write_text("{")
    assert "can't be used" in running.wait_for("failed: a:", running.err)
    running.wait_for("failed=1", running.out)
    record.save_json("velocity_events/params", {"mad_k": 4.0})
    running.wait_for("updated=1", running.out)
    assert running.interrupt() == 0


@pytest.mark.long
def test_measuring_detecting_and_indexing_follow_one_another(
    dataset: ZarrDataset, watch: Callable[..., Watching]
) -> None:
    path = str(dataset.path)
    steps = [watch(step, path, "--watch") for step in ("velocity", "detect", "index")]
    for step in steps:
        step.wait_for("watching", step.err)
    with dataset.stage_image("new") as staged:
        staged.save_array(streaks(1.0), axes=("t", "x"))
        staged.save_metadata_payload(json.loads(HEADER))
    steps[0].wait_for("measured=1", steps[0].out)
    steps[1].wait_for("detected=1", steps[1].out)
    steps[2].wait_for("velocity_events updated=1", steps[2].out)
    for step in steps:
        assert step.interrupt() == 0


@pytest.mark.long
def test_run_imports_measures_detects_and_indexes_what_comes_in(tmp_path: Path, watch) -> None:
    folder = write_lab(tmp_path / "lab", a=0.4)
    running = watch("run", str(folder), str(tmp_path / "lab.zarr"), "--watch")
    running.wait_for("indexer=velocity_events mode=incremental", running.out)
    running.wait_for("watching", running.err)
    partly = tmp_path / "b.tif"
    tifffile.imwrite(partly, streaks(1.0))
    (folder / "b.json").write_text(HEADER)
    os.rename(partly, folder / "b.tif")
    running.wait_for("import added=1", running.out)
    lab = ZarrDataset(tmp_path / "lab.zarr")
    while lab.load_table("kym_velocity_events")["image_id"].n_unique() < 2:
        running.out.get(timeout=PATIENCE_S)
    lab.delete_image(lab.list_image_ids()[0])
    running.wait_for("indexer=velocity_events", running.out)
    assert running.interrupt() == 0


@pytest.mark.long
def test_it_needs_a_journal_and_no_choice_of_images(tmp_path: Path, watch) -> None:
    dataset = ZarrDataset(tmp_path / "lab.zarr")
    add_image(dataset, "a", 1)
    running = watch("index", str(dataset.path), "--watch")
    assert "kymflow index DATASET --journal" in running.wait_for("no journal", running.err)
    assert running.process.wait(timeout=PATIENCE_S) == 2
    running = watch("detect", str(dataset.path), "--watch", "--images", "a")
    running.wait_for("--watch takes the images from the journal", running.err)
    assert running.process.wait(timeout=PATIENCE_S) == 2


MOUNTS = """\
22 1 8:1 / / rw - ext4 /dev/sda1 rw
30 22 0:40 / /net\\040work rw - nfs4 server:/x rw
31 22 0:41 / /net\\040work/local rw - xfs /dev/sdb rw
32 22 0:42 / /ssh rw - fuse.sshfs host:/ rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/home/lab.zarr", False),
        ("/net work/lab.zarr", True),
        ("/net work/local/lab.zarr", False),
        ("/ssh/lab.zarr", True),
    ],
)
def test_network_mounts_are_known(path: str, expected: bool) -> None:
    assert is_on_network(Path(path), lambda: MOUNTS) is expected
