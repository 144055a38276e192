"""``kymflow velocity``: traces from pixels, on real files."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from kymflow.cli.tests.test_command import run
from kymflow.core.artifacts import measurement
from kymflow.core.artifacts.measurement import pixel_files, read_measurement
from kymflow.core.velocity import plan as velocity
from kymflow.core.velocity.tests.oracle import find, windows
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from tests.support.streaks import SECONDS_PER_LINE, UM_PER_PIXEL, WINDOWS, streaks, write_lab

TRACE = "velocity/trace"


def own_keys(record: ZarrImageRecord) -> list[str]:
    """List an image's artifacts but for what its import remembers."""
    return [key for key in record.list_analysis_keys() if not key.startswith("import/")]


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a dataset of three images with pixels and scales, never measured."""
    write_lab(tmp_path / "lab", a=0.4, b=-0.7, c=1.0)
    run("import", tmp_path / "lab", tmp_path / "lab.zarr")
    return tmp_path / "lab.zarr"


def ids(lab: Path) -> dict[str, str]:
    """Return the images' ids by the names of their files."""
    dataset = ZarrDataset(lab, mode="r")
    return {
        Path(dataset.record(each).load_metadata_payload()["source"]["path"]).stem: each
        for each in dataset.list_image_ids()
    }


def traces(lab: Path) -> dict[str, pl.DataFrame]:
    dataset = ZarrDataset(lab, mode="r")
    return {name: dataset.record(each).load_df_parquet(TRACE) for name, each in ids(lab).items()}


def summary(done: str) -> dict[str, str]:
    return dict(part.split("=") for part in done.split()[1:])


@pytest.mark.long
def test_traces_are_those_of_scikit_image_and_come_with_their_record(lab: Path) -> None:
    done = summary(run("velocity", lab).stdout)
    assert {key: done[key] for key in ("measured", "failed", "traces", "windows")} == {
        "measured": "3",
        "failed": "0",
        "traces": "3",
        "windows": str(3 * WINDOWS),
    }
    for name, speed in {"a": 0.4, "b": -0.7, "c": 1.0}.items():
        trace = traces(lab)[name]
        angles = [find(window).angle for window in windows(streaks(speed), 16)]
        assert trace["angle_deg"].to_list() == angles
        expected = UM_PER_PIXEL / SECONDS_PER_LINE * np.tan(np.deg2rad(angles)) / 1000
        np.testing.assert_allclose(trace["velocity"], expected, rtol=1e-12)
        assert abs(trace["velocity"].median() / (speed * UM_PER_PIXEL) - 1) < 0.05
        np.testing.assert_allclose(
            trace["time"], (np.arange(WINDOWS) * 4 + 8) * SECONDS_PER_LINE, rtol=1e-12
        )
    dataset = ZarrDataset(lab, mode="r")
    record = read_measurement(dataset, ids(lab)["a"])
    assert record is not None
    assert record.regions["seconds_per_line"] == SECONDS_PER_LINE
    [statistics] = record.statistics
    assert statistics["pixel_max"] == streaks(0.4).max()
    assert statistics["pixel_std"] == pytest.approx(streaks(0.4).astype(float).std())
    assert dataset.record(ids(lab)["a"]).load_json("velocity/params")["window_lines"] == 16


def test_images_are_measured_once_and_again_with_other_params(lab: Path) -> None:
    run("velocity", lab)
    assert "measured=0 skipped=3" in run("velocity", lab).stdout
    assert "measured=3 skipped=0" in run("velocity", lab, "--mode", "replace").stdout
    one = ids(lab)["b"]
    assert (
        "measured=1 skipped=0"
        in run("velocity", lab, "-p", "window_lines=32", "--images", one).stdout
    )
    assert traces(lab)["b"].height == 400 // 8 - 3
    # It keeps its own params from now on.
    assert "measured=0 skipped=3" in run("velocity", lab).stdout
    assert "measured=2 skipped=1" in run("velocity", lab, "-p", "window_lines=32").stdout


@pytest.mark.parametrize("what", ["pixels", "roi", "scale"])
def test_what_a_trace_was_measured_from_makes_that_image_due(lab: Path, what: str) -> None:
    run("velocity", lab)
    record = ZarrDataset(lab, mode="a").record(ids(lab)["c"])
    before = record.load_df_parquet(TRACE)
    if what == "pixels":
        record.save_array(streaks(-1.0), axes=("t", "x"))
    elif what == "roi":
        metadata = record.load_metadata_payload()
        metadata["rois"] = [{"roi_id": 7, "channel": 1, "x0": 2, "x1": 20, "y0": 100, "y1": 200}]
        record.save_metadata_payload(metadata)
    else:
        run("metadata", "set", lab, record.image_id, "um_per_pixel=1.0")
    assert "measured=1 skipped=2" in run("velocity", lab).stdout
    after = record.load_df_parquet(TRACE)
    assert "measured=0 skipped=3" in run("velocity", lab).stdout
    if what == "pixels":
        assert after["velocity"].median() == pytest.approx(-before["velocity"].median(), rel=0.02)
    elif what == "roi":
        assert after["roi_id"].unique().to_list() == [7]
        assert after.height == 100 // 4 - 3
        assert after["time"][0] == pytest.approx((100 + 8) * SECONDS_PER_LINE)
    else:
        np.testing.assert_allclose(after["velocity"], 2 * before["velocity"], rtol=1e-12)


def test_a_note_of_the_experiment_makes_no_image_due(lab: Path) -> None:
    run("velocity", lab)
    run("metadata", "set", lab, "--all", "note=seen")
    assert "measured=0 skipped=3" in run("velocity", lab).stdout


def test_files_at_rest_are_not_read_again(lab: Path, monkeypatch) -> None:
    run("velocity", lab)
    later = time.time_ns() + 3600 * 10**9
    monkeypatch.setattr(velocity, "clock_ns", lambda folder: later)
    assert "measured=0 skipped=3" in run("velocity", lab).stdout
    monkeypatch.setattr(measurement, "hash_file", None)  # whoever reads from now on fails
    assert "measured=0 skipped=3" in run("velocity", lab).stdout


def test_a_copy_is_fresh(lab: Path, tmp_path: Path) -> None:
    run("velocity", lab)
    shutil.copytree(lab, tmp_path / "copy.zarr")
    assert "measured=0 skipped=3" in run("velocity", tmp_path / "copy.zarr").stdout


@pytest.mark.parametrize("damage", ["cut", "gone", "colour", "roi"])
def test_a_bad_image_fails_alone(lab: Path, damage: str) -> None:
    dataset = ZarrDataset(lab, mode="a")
    record = dataset.record(ids(lab)["b"])
    chunk = next(path for path in pixel_files(dataset, record.image_id) if "/c/" in path)
    if damage == "cut":
        Path(chunk).write_bytes(b"cut")
    elif damage == "gone":
        (record.path / "data" / "zarr.json").write_text("{")
    elif damage == "colour":
        record.save_array(np.zeros((40, 8, 3, 2), np.uint16), axes=("t", "x", "c", "z"))
    else:
        metadata = record.load_metadata_payload()
        metadata["rois"] = [{"roi_id": 1, "channel": 1, "x0": 0, "x1": 99, "y0": 0, "y1": 400}]
        record.save_metadata_payload(metadata)
    done = run("velocity", lab, check=1)
    assert "measured=2 " in done.stdout
    assert "failed=1" in done.stdout
    [line] = done.stderr.splitlines()
    assert line.startswith(f"failed: {record.image_id} (b.tif): ")
    assert own_keys(record) == ["metadata.json"]


def test_an_image_without_a_scale_is_named_with_both_commands(tmp_path: Path) -> None:
    folder = write_lab(tmp_path / "lab", a=0.4)
    tifffile.imwrite(folder / "b.tif", streaks(0.4))
    lab = tmp_path / "lab.zarr"
    run("import", folder, lab, "--copies")
    done = run("velocity", lab, check=1)
    assert "measured=1 " in done.stdout
    [line] = done.stderr.splitlines()
    image_id = ids(lab)["b"]
    assert line.startswith(
        f"failed: {image_id} (b.tif): its seconds_per_line and um_per_pixel are not known"
    )
    assert "kymflow import --seconds-per-line" in line
    assert "kymflow metadata set" in line
    run("metadata", "set", lab, image_id, "seconds_per_line=0.001", "um_per_pixel=0.5")
    assert "measured=1 skipped=1" in run("velocity", lab).stdout
    assert traces(lab)["b"].equals(traces(lab)["a"])


def test_imported_traces_are_left_alone_and_counted(lab: Path) -> None:
    record = ZarrDataset(lab, mode="a").record(ids(lab)["a"])
    theirs = pl.DataFrame(
        {"roi_id": [1, 1], "channel": [1, 1], "time": [0.1, 0.2], "velocity": [1.0, 2.0]}
    )
    record.save_df_parquet(TRACE, theirs)
    for mode in ("incremental", "replace"):
        done = run("velocity", lab, "--mode", mode).stdout
        assert "measured=2 skipped=0 imported=1" in done
        assert record.load_df_parquet(TRACE).equals(theirs)
    assert "measured=1 skipped=2 imported=0" in run("velocity", lab, "--replace-imported").stdout
    assert record.load_df_parquet(TRACE).height == WINDOWS
    # Another program's trace over a measured one is not ours either.
    record.save_df_parquet(TRACE, theirs)
    assert "skipped=2 imported=1" in run("velocity", lab).stdout
    run("index", lab, "velocity")
    query = "SELECT measured, pixel_mean, n_windows FROM kym_velocity ORDER BY ALL"
    rows = json.loads(run("sql", lab, query, "--format", "json").stdout)
    assert rows[0] == {"measured": False, "pixel_mean": None, "n_windows": 2}
    assert all(row["measured"] for row in rows[1:])


KILLED = """
import os, signal, sys
from kymflow.core.velocity import image
from kymflow.core.velocity import velocity_dataset
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from kymflow_zarr.images.record import ZarrImageRecord
call, when = sys.argv[2], sys.argv[3]
real = getattr(ZarrImageRecord, call)
def dies(*args, **kwargs):
    if when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    real(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(ZarrImageRecord, call, dies)
velocity_dataset(ZarrDataset(sys.argv[1], mode="a"))
"""


@pytest.mark.long
@pytest.mark.parametrize("call", ["save_df_parquet", "save_json"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("measured_before", [False, pytest.param(True, marks=pytest.mark.long)])
def test_a_killed_measurement_leaves_the_image_due(
    lab: Path, call: str, when: str, measured_before: bool
) -> None:
    if measured_before:
        run("velocity", lab, "-p", "window_lines=32")
        record = ZarrDataset(lab, mode="a").record(min(ids(lab).values()))
        record.save_json("velocity/params", {"window_lines": 16, "min_quality": 0.0})
    died = subprocess.run([sys.executable, "-c", KILLED, lab, call, when], check=False)
    assert died.returncode == -signal.SIGKILL
    due = 1 if measured_before else 3
    assert f"measured={due} skipped={3 - due} imported=0" in run("velocity", lab).stdout
    assert "measured=0 skipped=3" in run("velocity", lab).stdout


def test_events_of_a_trace_measured_again_are_due(lab: Path) -> None:
    run("velocity", lab)
    assert "detected=3" in run("detect", lab).stdout
    run("metadata", "set", lab, ids(lab)["a"], "um_per_pixel=1.0")
    run("velocity", lab)
    assert "detected=1 skipped=2" in run("detect", lab).stdout


@pytest.mark.parametrize(
    "param", ["window_lines=18", "window_lines=0", "min_quality=2", "windows=4"]
)
def test_params_that_make_no_sense_change_nothing(lab: Path, param: str) -> None:
    run("velocity", lab, "-p", param, check=2)
    assert all(
        own_keys(ZarrDataset(lab, mode="a").record(each)) == ["metadata.json"]
        for each in ids(lab).values()
    )


@pytest.mark.long
def test_workers_measure_the_same(lab: Path, tmp_path: Path) -> None:
    run("velocity", lab)
    alone = traces(lab)
    assert "measured=3" in run("velocity", lab, "--mode", "replace", "--workers", 2).stdout
    assert all(trace.equals(alone[name]) for name, trace in traces(lab).items())


def reasons(lab: Path) -> dict[str, tuple[str, str]]:
    """Return what status says of each image's traces, by the names of their files."""
    told = run("status", lab, "velocity", "--images", "--format", "json").stdout
    rows = {
        r["image_id"]: (r["action"], r["reason"]) for r in json.loads(told) if r["step"] == "traces"
    }
    return {name: rows[image_id] for name, image_id in ids(lab).items()}


def test_status_tells_what_is_due_for_measuring_and_why(lab: Path) -> None:
    assert set(reasons(lab).values()) == {("update", "missing")}
    run("velocity", lab)
    assert set(reasons(lab).values()) == {("skip", "fresh")}
    dataset, of = ZarrDataset(lab), ids(lab)
    run("velocity", lab, "-p", "window_lines=32", "--images", of["a"])
    parameters = dataset.record(of["a"]).artifact_path("velocity/params", ".json")
    parameters.write_text(parameters.read_text().replace("32", "16"))
    dataset.record(of["b"]).save_array(streaks(0.3), axes=["t", "x"])
    run("metadata", "set", lab, of["c"], "seconds_per_line=0.002", "um_per_pixel=0.5")
    assert reasons(lab) == {
        "a": ("update", "params_changed"),
        "b": ("update", "pixels_changed"),
        "c": ("update", "regions_changed"),
    }
    parameters.write_text("{")
    dataset.record(of["b"]).save_df_parquet(TRACE, dataset.record(of["c"]).load_df_parquet(TRACE))
    assert reasons(lab) == {
        "a": ("update", "failed"),
        "b": ("skip", "imported"),
        "c": ("update", "regions_changed"),
    }
    assert "measured=1 skipped=0 imported=1" in run("velocity", lab, check=1).stdout
