"""From a lab's traces to queried events, by the command alone."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from kymflow.cli.tests.test_command import run
from kymflow.core.artifacts.events import DEFAULT_PARAMS
from kymflow.core.synthetic import Stretch, add_synthetic_image
from kymflow_zarr import ZarrDataset

EVENTS = "velocity_events/events"


@pytest.fixture
def lab(dataset: ZarrDataset) -> Path:
    """Return a dataset of three images with traces, never searched."""
    for number, stretches in enumerate(([Stretch(2, 3)], [Stretch(1, 2), Stretch(4, 5)], [])):
        add_synthetic_image(dataset, number, stretches)
    return dataset.path


def counts(lab: Path) -> dict[str, int]:
    query = "SELECT image_id, count(*) AS n FROM kym_velocity_events GROUP BY ALL ORDER BY ALL"
    out = run("sql", lab, query, "--format", "json").stdout
    return {row["image_id"]: row["n"] for row in json.loads(out)}


@pytest.mark.long
def test_params_set_detect_index_moves_one_image_only(lab: Path) -> None:
    assert "detected=3 skipped=0" in run("detect", lab).stdout
    run("index", lab)
    before = counts(lab)
    assert set(before) == {"demo-00", "demo-01", "demo-02"}
    assert run("params", "set", lab, "demo-01", "mad_k=4", "abs_score_floor=2").stdout == (
        "abs_score_floor: 0.25 → 2.0\nmad_k: 3.0 → 4.0\n"
    )
    assert "mad_k: 3.0 → 4.0" in run("status", lab, "--explain", "demo-01").stdout
    early = run("index", lab, "velocity_events", check=1)
    assert (
        "failed: demo-01 (AngII/demo-01.tif): its params changed after its events were made"
        in early.stderr
    )
    assert counts(lab) == before
    assert "detected=1 skipped=2" in run("detect", lab).stdout
    assert "updated=1 skipped=2" in run("index", lab, "velocity_events").stdout
    after = counts(lab)
    assert after["demo-01"] == 2 < before["demo-01"]  # the two deepest falls alone are left
    assert {**after, "demo-01": before["demo-01"]} == before
    assert "detected=0 skipped=3" in run("detect", lab).stdout
    assert "updated=0 skipped=3" in run("index", lab, "velocity_events").stdout


def test_params_come_from_a_file_and_from_assignments(lab: Path, tmp_path: Path) -> None:
    run("params", "set", lab, "demo-00", "smooth_sec=0.2")
    file = tmp_path / "params.json"
    file.write_text(run("params", "get", lab, "demo-00", "--file").stdout)
    assert json.loads(file.read_text()) == {**DEFAULT_PARAMS, "smooth_sec": 0.2}
    run("detect", lab, "--params", file, "-p", "nan_gap.enter_frac=0.5", "-p", "top_k_total=0")
    changed = {"smooth_sec": "0.2", "nan_gap.enter_frac": "0.5", "top_k_total": "0"}
    for image_id in ("demo-00", "demo-02"):
        out = run("params", "get", lab, image_id, "--format", "json").stdout
        rows = {row["key"]: row for row in json.loads(out)}
        assert {key: rows[key]["value"] for key in changed} == changed
        assert rows["win_cmp_sec"] == {
            "key": "win_cmp_sec",
            "value": "0.25",
            "unit": "s",
            "default": "0.25",
        }
    assert run("params", "diff", lab, "demo-00").stdout.splitlines() == [
        "nan_gap.enter_frac: 0.4 → 0.5",
        "smooth_sec: 0.1 → 0.2",
        "top_k_total: 2 → 0",
    ]
    assert run("params", "diff", lab, "demo-00", "demo-01").stdout == ""


@pytest.mark.long
def test_only_the_images_picked_are_searched(lab: Path) -> None:
    assert "detected=1 " in run("detect", lab, "--images", "demo-02").stdout
    assert "kym_images" in run("detect", lab, "--where", "depth < 130", check=1).stderr
    run("index", lab, "images")
    out = run("detect", lab, "--where", "depth < 130", "--workers", 1).stdout
    assert "detected=2 skipped=0" in out
    assert "detected=3 " in run("detect", lab, "--mode", "replace").stdout


def test_what_people_added_is_kept_and_said(lab: Path) -> None:
    run("detect", lab)
    record = ZarrDataset(lab, mode="a").record("demo-01")
    events = record.load_df_parquet(EVENTS)
    record.save_df_parquet(EVENTS, events.with_columns(user_type=pl.lit("true_stall")))
    done = run("detect", lab, "-p", "top_k_total=0", "-p", "abs_score_floor=99")
    assert f"moved=0 kept={events.height}" in done.stdout
    remark, *kept = done.stderr.splitlines()
    assert remark.startswith(f"{events.height} events had been changed by another program")
    assert len(kept) == events.height
    assert kept[0].startswith("kept: demo-01: baseline_drop ")


def test_a_bad_image_is_listed_and_does_not_stop_the_rest(lab: Path) -> None:
    record = ZarrDataset(lab, mode="a").record("demo-01")
    record.artifact_path("velocity/trace", ".parquet").write_bytes(b"cut")
    done = run("detect", lab, check=1)
    assert "detected=2 skipped=0 without_trace=0 failed=1" in done.stdout
    assert done.stderr.startswith("failed: demo-01 (AngII/demo-01.tif): ")


@pytest.mark.wide
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-p", "mad_k"], "'mad_k' is not KEY=VALUE"),
        (["-p", "madk=3"], "did you mean mad_k?"),
        (["-p", "mad_k=high"], "mad_k must be a number, 0 or more, not 'high'"),
        (["-p", "mad_k=NaN"], "mad_k must be a number"),
        (["--params", "none.json"], "does not exist"),
        (["--params", "list.json"], "params must be an object"),
        (["--params", "broken.json"], "it is not JSON"),
        (["--params", "odd.json"], "did you mean mad_k?"),
    ],
)
def test_params_that_make_no_sense_change_nothing(
    lab: Path, tmp_path: Path, monkeypatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("list.json").write_text("[]")
    Path("broken.json").write_text("{")
    Path("odd.json").write_text('{"madk": 3}')
    assert message in " ".join(run("detect", lab, *arguments, check=2).stderr.split())
    assert ZarrDataset(lab, mode="a").record("demo-00").list_analysis_keys() == [
        "metadata.json",
        "velocity/trace.parquet",
    ]


def test_an_image_is_drawn(lab: Path, tmp_path: Path) -> None:
    run("detect", lab)
    picture = tmp_path / "demo.svg"
    part = ("--roi", 1, "--start", 1, "--end", 3, "--width", 300)
    assert run("show", lab, "demo-00", "-o", picture, *part).stdout == ""
    assert "baseline drop" in picture.read_text()
    assert "no image has this id" in run("show", lab, "nope", "-o", picture, check=1).stderr
    run("params", "set", lab, "demo-00.tif", "mad_k=4.5")
    assert "mad_k" in run("params", "diff", lab, "baseline/demo-00").stdout
    assert "'.gif'" in run("show", lab, "demo-00", "-o", tmp_path / "a.gif", check=2).stderr


@pytest.mark.long
def test_rows_of_events_of_an_older_trace_are_not_called_fresh(lab: Path) -> None:
    run("detect", lab)
    run("index", lab)
    record = ZarrDataset(lab).record("demo-01")
    trace = record.load_df_parquet("velocity/trace")
    record.save_df_parquet("velocity/trace", trace.with_columns(pl.col("velocity") * 1.5))
    told = "note: 1 image has events made of an older trace (demo-01), and rows of them: run `kymf"
    done = run("index", lab)
    assert "indexer=velocity_events mode=incremental table=kym_velocity_events updated=0" in (
        done.stdout
    )
    assert told in done.stderr
    status = run("status", lab, "velocity_events", "--images", "--format", "json")
    assert told in status.stderr
    assert {
        (row["step"], row["action"], row["reason"])
        for row in json.loads(status.stdout)
        if row["image_id"] == "demo-01"
    } == {("events", "update", "trace_changed"), ("velocity_events", "skip", "trace_changed")}
    run("detect", lab)
    assert told not in run("index", lab).stderr
    after = json.loads(run("status", lab, "velocity_events", "--format", "json").stdout)
    assert {row["action"] for row in after} == {"skip"}


@pytest.mark.long
def test_events_that_another_program_wrote_since_are_its_own(lab: Path) -> None:
    run("detect", lab)
    record = ZarrDataset(lab).record("demo-01")
    trace = record.load_df_parquet("velocity/trace")
    record.save_df_parquet("velocity/trace", trace.with_columns(pl.col("velocity") * 1.5))
    record.save_df_parquet(EVENTS, record.load_df_parquet(EVENTS).head(1))
    assert "older" not in run("index", lab).stderr
