"""``kymflow run``: from TIFFs to tables, once, and no more than is due."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow.cli.tests.test_command import run
from kymflow.cli.tests.test_velocity import ids, traces
from tests.support.streaks import SECONDS_PER_LINE, UM_PER_PIXEL, WINDOWS, streaks, write_lab

SPEEDS = {"a": 0.4, "b": -0.7, "c": 1.0}
IDLE = [
    "import added=0 updated=0 skipped=3",
    "velocity mode=incremental measured=0 skipped=3",
    "detect mode=incremental detected=0 skipped=3",
    "update_index indexer=images mode=incremental table=kym_images updated=0 skipped=3",
    "update_index indexer=reviews mode=incremental table=kym_reviews updated=0 skipped=3",
    "update_index indexer=velocity mode=incremental table=kym_velocity updated=0 skipped=3",
    "update_index indexer=velocity_events mode=incremental table=kym_velocity_events updated=0",
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a lab folder of three images with pixels and scales."""
    return write_lab(tmp_path / "lab", **SPEEDS)


def rows(lab: Path, query: str) -> list[dict[str, object]]:
    return json.loads(run("sql", lab, query, "--format", "json").stdout)


def files(lab: Path) -> dict[str, tuple[int, bytes]]:
    """Read a dataset's files, but for locks and signatures."""
    return {
        path.relative_to(lab).as_posix(): (path.stat().st_mtime_ns, path.read_bytes())
        for path in lab.rglob("*")
        if path.is_file()
        and not {"index", ".locks", "locks"} & set(path.parts)
        and path.name not in ("measurement.json", "detector.json")
    }


@pytest.mark.long
def test_tiffs_become_tables_and_a_second_run_does_nothing(folder: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab.zarr"
    done = run("run", folder, lab)
    lines = done.stdout.splitlines()
    assert lines[0].startswith("import added=3 ")
    assert lines[1].startswith("velocity mode=incremental measured=3 ")
    assert lines[2].startswith("detect mode=incremental detected=3 ")
    n_events = rows(lab, "SELECT count(*) AS n FROM kym_velocity_events")[0]["n"]
    assert lines[-2:] == ["images,traces,events,failures", f"3,3,{n_events},0"]
    assert "kymflow show" in done.stderr
    table = rows(
        lab,
        "SELECT source_path, n_windows, median_velocity, kym_velocity.direction FROM kym_velocity "
        "JOIN kym_images USING (image_id) ORDER BY ALL",
    )
    for row, (name, speed) in zip(table, sorted(SPEEDS.items()), strict=True):
        assert row["source_path"] == f"{name}.tif"
        assert row["n_windows"] == WINDOWS
        assert row["direction"] == np.sign(speed)
        assert row["median_velocity"] == pytest.approx(speed * UM_PER_PIXEL, rel=0.05)
    before = files(lab)
    again = run("run", folder, lab).stdout.splitlines()
    assert [line.startswith(idle) for line, idle in zip(again, IDLE, strict=False)] == [True] * 7
    assert files(lab) == before


@pytest.mark.long
def test_only_what_is_new_is_done(folder: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab.zarr"
    run("run", folder, lab)
    tifffile.imwrite(folder / "d.tif", streaks(0.9))
    (folder / "d.json").write_bytes((folder / "a.json").read_bytes())
    lines = run("run", folder, lab).stdout.splitlines()
    assert "added=1 updated=0 skipped=3" in lines[0]
    assert "measured=1 skipped=3" in lines[1]
    assert "detected=1 skipped=3" in lines[2]
    assert all("updated=1 skipped=3" in line for line in lines[3:7])


@pytest.mark.parametrize(
    "stage",
    ["import", "velocity", "detect"],
)
@pytest.mark.long
def test_a_killed_run_goes_on_where_it_was(folder: Path, tmp_path: Path, stage: str) -> None:
    lab = tmp_path / "lab.zarr"
    script = f"""
import os, signal, sys
from kymflow.cli.main import run
from kymflow.core.workers import job
real = job.ImageRun.over
def over(self, *given):
    for number, batch in enumerate(real(self, *given)):
        yield batch
        if self.stage == {stage!r}:
            os.kill(os.getpid(), signal.SIGKILL)
job.ImageRun.over = over
run(["run", {str(folder)!r}, {str(lab)!r}])
"""
    died = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert run("run", folder, lab).stdout.splitlines()[-1].startswith("3,3,")
    run("run", folder, tmp_path / "whole.zarr")
    whole, continued = traces(tmp_path / "whole.zarr"), traces(lab)
    assert all(continued[name].equals(whole[name]) for name in SPEEDS)
    events = (
        "SELECT source_path, e.* EXCLUDE (image_id, event_id) FROM kym_velocity_events e "
        "JOIN kym_images USING (image_id) ORDER BY ALL"
    )
    assert rows(lab, events) == rows(tmp_path / "whole.zarr", events)
    assert run("check", lab).stdout == run("check", tmp_path / "whole.zarr").stdout


@pytest.mark.long
def test_what_fails_is_listed_and_the_rest_is_done(folder: Path, tmp_path: Path) -> None:
    lab = tmp_path / "lab.zarr"
    (folder / "b.tif").write_bytes(b"II*\\0cut")
    (folder / "c.json").unlink()
    done = run("run", folder, lab, check=1)
    failed = [line for line in done.stderr.splitlines() if line.startswith("failed: ")]
    assert failed[0].startswith("failed: b.tif: ")
    named = f"failed: {ids(lab)['c']} (c.tif): "
    assert failed[1].startswith(f"{named}its seconds_per_line and um_per_pixel")
    assert len(failed) == 2
    assert done.stdout.splitlines()[-1].startswith("2,1,")
    assert done.stdout.splitlines()[-1].endswith(",2")
    options = ("--seconds-per-line", SECONDS_PER_LINE, "--um-per-pixel", UM_PER_PIXEL)
    run("run", folder, tmp_path / "given.zarr", *options, check=1)
    assert set(traces(tmp_path / "given.zarr")) == {"a", "c"}


@pytest.mark.long
def test_calibrated_tiffs_give_the_velocities_of_plain_ones(folder: Path, tmp_path: Path) -> None:
    run("run", folder, tmp_path / "plain.zarr")
    ome, imagej = tmp_path / "ome", tmp_path / "imagej"
    ome.mkdir()
    imagej.mkdir()
    for name, speed in SPEEDS.items():
        tifffile.imwrite(
            ome / f"{name}.ome.tif",
            streaks(speed),
            metadata={
                "axes": "YX",
                "PhysicalSizeX": UM_PER_PIXEL * 1000,
                "PhysicalSizeXUnit": "nm",
                "TimeIncrement": SECONDS_PER_LINE * 1000,
                "TimeIncrementUnit": "ms",
            },
        )
        tifffile.imwrite(
            imagej / f"{name}.tif",
            streaks(speed),
            imagej=True,
            resolution=(1 / UM_PER_PIXEL, 1 / UM_PER_PIXEL),
            metadata={"unit": "um", "finterval": SECONDS_PER_LINE},
        )
    expected = traces(tmp_path / "plain.zarr")
    for kind in (ome, imagej):
        lab = tmp_path / f"{kind.name}.zarr"
        run("run", kind, lab)
        found = {name.removesuffix(".ome"): trace for name, trace in traces(lab).items()}
        for name, trace in expected.items():
            np.testing.assert_allclose(found[name]["velocity"], trace["velocity"], rtol=1e-9)
            np.testing.assert_allclose(found[name]["time"], trace["time"], rtol=1e-9)


def test_a_folder_that_is_not_there_makes_no_dataset(tmp_path: Path) -> None:
    run("run", tmp_path / "nope", tmp_path / "lab.zarr", check=1)
    assert not (tmp_path / "lab.zarr").exists()


def test_a_folder_without_images_makes_no_dataset(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = run("run", tmp_path / "empty", tmp_path / "lab.zarr", check=2)
    assert "no TIFF" in done.stderr
    assert not (tmp_path / "lab.zarr").exists()
