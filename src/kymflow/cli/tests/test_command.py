from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from kymflow_zarr import ZarrDataset

COMMAND = [sys.executable, "-m", "kymflow.cli.main"]


def run(*arguments: object, check: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == check, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def indexed(dataset: ZarrDataset, add_image) -> Path:
    add_image("a", 2)
    add_image("b", 0)
    run("index", dataset.path)
    return dataset.path


def test_index_skips_the_second_time(indexed: Path) -> None:
    lines = run("index", indexed).stdout.splitlines()
    assert len(lines) == 2
    assert all("updated=0 skipped=2" in line for line in lines)


def test_worker_processes_make_the_same_rows(indexed: Path, dataset: ZarrDataset) -> None:
    before = dataset.load_table("kym_velocity_events")
    again = run("index", indexed, "velocity_events", "--mode", "replace", "--workers", "2")
    assert "updated=2" in again.stdout
    assert dataset.load_table("kym_velocity_events").equals(before)


def test_a_dry_run_changes_nothing(indexed: Path, dataset: ZarrDataset, add_image) -> None:
    add_image("c")
    out = run("index", indexed, "velocity_events", "--dry-run").stdout
    assert "velocity_events,update,missing,1,0" in out
    assert "c" not in dataset.load_table("kym_velocity_events")["image_id"]
    forced = run("index", indexed, "velocity_events", "--dry-run", "--mode", "replace").stdout
    assert "velocity_events,update,forced,2,2" in forced


def test_images_are_picked_by_id_or_condition(indexed: Path) -> None:
    by_id = run("index", indexed, "velocity_events", "--mode", "replace", "--images", "a,b")
    assert "updated=2" in by_id.stdout
    where = ("--where", "image_id = 'b'")
    by_sql = run("index", indexed, "velocity_events", "--mode", "replace", *where)
    assert "updated=1" in by_sql.stdout
    assert "nope" in run("index", indexed, "--where", "nope = 1", check=1).stderr


def test_status_counts_lists_and_explains(indexed: Path, dataset: ZarrDataset) -> None:
    dataset.record("a").save_json("velocity_events/params", {"mad_k": 4.0})
    counts = pl.read_csv(io.StringIO(run("status", indexed, "velocity_events").stdout))
    assert counts.columns == ["indexer", "action", "reason", "images", "rows"]
    assert dict(counts.select("reason", "images").iter_rows()) == {
        "params_changed": 1,
        "fresh_zero_rows": 1,
    }
    listed = run("status", indexed, "velocity_events", "--images", "--format", "json").stdout
    assert json.loads(listed)[0] == {
        "indexer": "velocity_events",
        "image_id": "a",
        "action": "update",
        "reason": "params_changed",
        "n_rows": 2,
    }
    only = run("status", indexed, "--images", "--reason", "params_changed").stdout
    assert only.splitlines()[1:] == ["velocity_events,a,update,params_changed,2"]
    why = run("status", indexed, "velocity_events", "--explain", "a").stdout
    assert "mad_k: 3.0 → 4.0" in why
    assert "none of" in run("status", indexed, "--reason", "nope", check=2).stderr


def test_failures_are_listed_and_exit_with_1(indexed: Path, dataset: ZarrDataset) -> None:
    dataset.record("a").artifact_path("velocity_events/events", ".parquet").write_bytes(b"")
    done = run("index", indexed, "velocity_events", "--mode", "replace", check=1)
    assert "updated=1" in done.stdout
    assert "failed=1" in done.stdout
    assert done.stderr.startswith("failed: a: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("format_", "read"),
    [
        ("csv", lambda data: pl.read_csv(data).rows()),
        ("json", lambda data: [tuple(row.values()) for row in json.loads(data)]),
        ("parquet", lambda data: pl.read_parquet(io.BytesIO(data)).rows()),
    ],
)
def test_sql_answers_in_every_format(indexed: Path, tmp_path: Path, format_: str, read) -> None:
    query = "SELECT image_id, count(*) AS n FROM kym_velocity_events GROUP BY ALL"
    target = tmp_path / f"answer.{format_}"
    run("sql", indexed, query, "-o", target)
    assert read(target.read_bytes()) == [("a", 2)]
    done = subprocess.run(
        [*COMMAND, "sql", str(indexed), query, "--format", format_], capture_output=True, check=True
    )
    assert read(done.stdout) == [("a", 2)]


def test_tables_are_described(indexed: Path) -> None:
    described = pl.read_csv(io.StringIO(run("tables", indexed).stdout))
    assert described.select("table", "rows", "images").rows() == [
        ("kym_images", 2, 2),
        ("kym_velocity_events", 2, 1),
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["index", "none.zarr"], 1, "no such dataset"),
        (["sql", "{data}", "SELEC"], 1, "syntax error"),
        (["sql", "{data}", "SELECT * FROM nope"], 1, "Tables here: kym_images"),
        (["index", "{data}", "nope"], 2, "there are images, velocity_events"),
        (["index", "{data}", "--mode", "sideways"], 2, "--mode"),
        (["import", "none", "{new}"], 1, "no such lab folder"),
        (["frobnicate"], 2, "frobnicate"),
    ],
)
def test_errors_are_clear(
    indexed: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    filled = [a.format(data=indexed, new=tmp_path / "new.zarr") for a in arguments]
    assert message in run(*filled, check=code).stderr


def test_debug_shows_the_traceback(indexed: Path) -> None:
    command = [*COMMAND, "--debug", "sql", str(indexed), "SELEC"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr


def test_every_command_has_help() -> None:
    text = run("--help").stdout
    for name in ("import", "index", "status", "sql", "tables", "demo"):
        assert name in text
        assert "Usage" in run(name, "--help").stdout


def test_a_terminal_gets_a_table_and_a_progress_bar(indexed: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "sql", str(indexed), "SELECT image_id FROM kym_images"],
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "COLUMNS": "80", "TERM": "xterm"},
    ) as child:
        os.close(theirs)
        shown = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:
                break
            if not chunk:
                break
            shown += chunk
    os.close(ours)
    assert child.returncode == 0
    assert "───" in shown.decode()


def test_the_demo_runs(tmp_path: Path) -> None:
    for _ in range(2):
        out = run("demo", tmp_path / "demo").stdout
        assert "updated=6 skipped=0 missing=6" in out
        assert "updated=0 skipped=6" in out
        assert "mad_k: 3.0 → 4.0" in out
        assert "updated=1 skipped=5" in out
    (tmp_path / "mine.txt").write_text("")
    run("demo", tmp_path, check=2)
