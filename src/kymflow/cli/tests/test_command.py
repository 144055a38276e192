from __future__ import annotations

import io
import json
import re
import signal
import subprocess
import sys
import zipfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import click
import duckdb
import polars as pl
import pytest

from kymflow.cli.errors import reported
from kymflow.cli.main import app
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.queries.library import fill, named_queries
from kymflow_zarr import ZarrDataset
from tests.support.images import add_image
from tests.support.terminal import on_terminal

COMMAND = [sys.executable, "-m", "kymflow.cli.main"]


class Done(NamedTuple):
    stdout: str
    stderr: str
    data: bytes


def run(*arguments: object, check: int = 0, stdin: str | None = None) -> Done:
    """Run a command in this process; those that are about processes start one."""
    raw = io.BytesIO(), io.BytesIO()
    streams = [io.TextIOWrapper(each, "utf-8", "replace", newline="") for each in raw]
    given = io.TextIOWrapper(io.BytesIO((stdin or "").encode()), "utf-8")
    with (
        redirect_stdout(streams[0]),
        redirect_stderr(streams[1]),
        patch.object(sys, "stdin", given),
    ):
        code = reported(app, [str(each) for each in arguments])
    for stream in streams:
        stream.seek(0)
    done = Done(*(stream.read() for stream in streams), raw[0].getvalue())
    assert code == check, done.stderr
    return done


def index_two_images(dataset: ZarrDataset) -> None:
    add_image(dataset, "a", 2)
    add_image(dataset, "b", 0)
    run("index", dataset.path)


@pytest.fixture
def indexed(dataset: ZarrDataset, made_once) -> Path:
    return made_once(dataset, index_two_images).path


@pytest.mark.long
def test_index_skips_the_second_time(indexed: Path) -> None:
    lines = run("index", indexed).stdout.splitlines()
    assert len(lines) == 4
    assert all("updated=0 skipped=2" in line for line in lines)


@pytest.mark.long
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


@pytest.mark.long
def test_status_counts_lists_and_explains(indexed: Path, dataset: ZarrDataset) -> None:
    dataset.record("a").save_json("velocity_events/params", {"mad_k": 4.0})
    counts = pl.read_csv(io.StringIO(run("status", indexed, "velocity_events").stdout))
    assert counts.columns == ["step", "action", "reason", "images", "rows"]
    assert dict(counts.select("reason", "images").iter_rows()) == {
        "params_changed": 1,
        "fresh_zero_rows": 1,
    }
    listed = run("status", indexed, "velocity_events", "--images", "--format", "json").stdout
    assert json.loads(listed)[0] == {
        "step": "velocity_events",
        "image_id": "a",
        "action": "update",
        "reason": "params_changed",
        "n_rows": 2,
        "file": None,
    }
    only = run("status", indexed, "--images", "--reason", "params_changed").stdout
    assert only.splitlines()[1:] == ["velocity_events,a,update,params_changed,2,"]
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
    assert read(run("sql", indexed, query, "--format", format_).data) == [("a", 2)]


def test_sql_comes_from_a_file_a_pipe_or_the_command(indexed: Path, tmp_path: Path) -> None:
    query = "SELECT count(*) AS n FROM kym_images"
    (tmp_path / "count.sql").write_text(f"-- how many\n{query};\n")
    assert run("sql", indexed, query).stdout == "n\n2\n"
    assert run("sql", indexed, "-f", tmp_path / "count.sql").stdout == "n\n2\n"
    for arguments in (["-"], []):
        assert run("sql", indexed, *arguments, stdin=query).stdout == "n\n2\n"
    assert "give one of" in run("sql", indexed, query, "-f", "x.sql", check=2).stderr
    (tmp_path / "latin.sql").write_bytes(b"SELECT '\xe9'")
    assert "not UTF-8" in run("sql", indexed, "-f", tmp_path / "latin.sql", check=2).stderr


def test_parameters_have_types(indexed: Path) -> None:
    query = "SELECT typeof($a) AS a, typeof($b) AS b, $c AS c, $d || '!' AS d, $e IS NULL AS e"
    values = ("-p", "a=3", "-p", "b=3.5", "-p", "c=true", "-p", 'd="7"', "-p", "e=null")
    [row] = json.loads(run("sql", indexed, query, *values, "--format", "json").stdout)
    assert row == {"a": "INTEGER", "b": "DOUBLE", "c": True, "d": "7!", "e": True}
    assert "is not NAME=VALUE" in run("sql", indexed, query, "-p", "a", check=2).stderr


def test_named_queries_are_listed_shown_and_asked(indexed: Path) -> None:
    listed = pl.read_csv(io.StringIO(run("queries").stdout))
    assert listed["query"].to_list() == [query.name for query in named_queries()]
    [parameters] = listed.filter(query="event_rate")["parameters"]
    assert "by=condition" in parameters
    assert run("queries", "show", "events_per_image").stdout.startswith("-- How many")
    assert "Queries: " in run("queries", "show", "nope", check=2).stderr
    asked = run("sql", indexed, "--query", "events_per_image", "--format", "jsonl").stdout
    assert [json.loads(line)["n_events"] for line in asked.splitlines()] == [2, 0]
    by_id = run("sql", indexed, "--query", "event_rate", "-p", "by=image_id").stdout
    assert by_id.startswith("group,n_images,n_rois,roi_minutes,")
    wrong = run("sql", indexed, "--query", "event_rate", "-p", "buy=image_id", check=2).stderr
    assert "Did you mean 'by'?" in wrong
    assert "give one of" in run("sql", indexed, "FROM x", "--query", "event_rate", check=2).stderr


@pytest.mark.long
def test_named_queries_run_in_an_exported_database(
    indexed: Path, dataset: ZarrDataset, tmp_path: Path
) -> None:
    run("export", indexed, "-o", tmp_path / "all.duckdb")
    with duckdb.connect(str(tmp_path / "all.duckdb"), read_only=True) as database:
        for query in named_queries():
            sql, values = fill(dataset, query.name, {})
            there = database.execute(sql, values or None).to_arrow_table()
            assert there.num_rows == KymDataset(dataset).query(query.name).height, query.name


def test_a_limit_says_that_there_is_more(indexed: Path) -> None:
    limited = run("sql", indexed, "FROM range(5)", "--limit", 2, "--no-header")
    assert limited.stdout == "0\n1\n"
    assert (
        limited.stderr == "warning: only the first 2 rows, there are more; --limit sets how many\n"
    )
    whole = run("sql", indexed, "FROM range(2)", "--limit", 2)
    assert whole.stderr == ""


def test_a_plan_is_shown_without_asking(indexed: Path) -> None:
    query = "SELECT dtype, count(*) FROM kym_images GROUP BY ALL"
    out = run("sql", indexed, query, "--explain").stdout
    assert out.startswith("┌─")
    assert "GROUP_BY" in out


def test_a_query_may_take_so_long(indexed: Path) -> None:
    query = "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3"
    assert "longer than 0.2 s" in run("sql", indexed, query, "--timeout", 0.2, check=1).stderr


@pytest.mark.long
def test_a_pipe_may_close_early(indexed: Path) -> None:
    for format_ in ("csv", "json", "parquet"):
        command = [*COMMAND, "sql", str(indexed), "FROM range(100000000)", "--format", format_]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout.read(4)
            child.stdout.close()
            assert child.stderr.read() == b""
        assert child.returncode == 0


@pytest.mark.long
def test_ctrl_c_ends_with_130_and_leaves_no_file(indexed: Path, tmp_path: Path) -> None:
    query = "SELECT range, repeat('x', 100) FROM range(10000000000)"
    target = tmp_path / "out" / "answer.csv"
    command = [*COMMAND, "sql", str(indexed), query, "-o", str(target)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        while not (target.parent.is_dir() and any(target.parent.iterdir())):
            assert child.poll() is None
        child.send_signal(signal.SIGINT)
        assert "interrupted" in child.stderr.read()
    assert child.returncode == 130
    assert list(target.parent.iterdir()) == []


def test_ctrl_c_inside_duckdb_is_an_interruption(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def interrupted() -> None:
        raise RuntimeError("Query interrupted")

    assert reported(interrupted, []) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_failed_write_leaves_the_old_file(indexed: Path, tmp_path: Path) -> None:
    target = tmp_path / "answer.csv"
    target.write_text("old")
    query = "SELECT CASE WHEN range < 200000 THEN 1 ELSE error('late')::INT END FROM range(300000)"
    assert "late" in run("sql", indexed, query, "-o", target, check=1).stderr
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".zarr"] == ["answer.csv"]


def test_tables_are_described(indexed: Path, dataset: ZarrDataset, add_image) -> None:
    add_image("c")
    dataset.save_table("mine", pl.DataFrame({"x": [1]}))
    described = pl.read_csv(io.StringIO(run("tables", indexed).stdout))
    assert described.select("table", "rows", "images", "stale").rows() == [
        ("kym_images", 2, 2, 1),
        ("kym_reviews", 0, 0, 1),
        ("kym_velocity", 0, 0, 1),
        ("kym_velocity_events", 2, 1, 1),
        ("mine", 1, None, None),
    ]
    fast = pl.read_csv(io.StringIO(run("tables", indexed, "--no-stale").stdout))
    assert fast["stale"].null_count() == 5


def test_columns_are_described(indexed: Path) -> None:
    rows = json.loads(run("schema", indexed, "kym_velocity_events", "--format", "json").stdout)
    [start] = [row for row in rows if row["column"] == "t_start_s"]
    assert start == {
        "column": "t_start_s",
        "type": "DOUBLE",
        "unit": "s",
        "nulls": 0,
        "distinct": 2,
        "min": "0.0",
        "max": "0.5",
        "meaning": "when it begins, from the beginning of the recording",
    }
    [peak] = [row for row in rows if row["column"] == "peak_value"]
    assert (peak["nulls"], peak["min"]) == (2, None)
    assert "nope" in run("schema", indexed, "nope", check=1).stderr


@pytest.mark.long
def test_a_named_query_is_drawn_as_it_declares(
    indexed: Path, dataset: ZarrDataset, tmp_path: Path
) -> None:
    shape = list(dataset.record("a").load_array().shape)
    header = {"shape": shape, "voxels": [0.5, 0.5]}
    dataset.record("a").save_metadata_payload({"header": header})
    run("index", indexed)
    target = tmp_path / "rate.svg"
    run("plot", indexed, "--query", "event_rate", "-p", "by=image_id", "-o", target)
    text = target.read_text()
    assert "events per ROI (1/min)" in text
    assert "How often events occur" in text
    run("plot", indexed, "--query", "event_rate", "--y", "n_events", "--title", "T", "-o", target)
    assert "n events" in target.read_text()


def test_a_plot_is_drawn(indexed: Path, tmp_path: Path) -> None:
    target = tmp_path / "events.png"
    query = "SELECT image_id, count(*) AS n FROM kym_velocity_events GROUP BY ALL"
    done = run("plot", indexed, query, "--kind", "bar", "-o", target)
    assert (done.stdout, done.stderr) == ("", "")
    assert target.read_bytes().startswith(b"\x89PNG")
    means = run("plot", indexed, "FROM kym_velocity_events", "--kind", "bar", "--x", "image_id",
                "--y", "t_start_s", "-o", target)  # fmt: skip
    assert means.stderr == "warning: bars are means, of up to 2 rows each\n"


def test_tables_are_exported(indexed: Path, tmp_path: Path) -> None:
    for ending in ("csv", "parquet", "arrow", "json"):
        run("export", indexed, "kym_images", "-o", tmp_path / f"images.{ending}")
    readers = (pl.read_csv, pl.read_parquet, pl.read_ipc, pl.read_json)
    for ending, read in zip(("csv", "parquet", "arrow", "json"), readers, strict=True):
        assert read(tmp_path / f"images.{ending}")["image_id"].to_list() == ["a", "b"]
    run("export", indexed, "kym_images", "-o", tmp_path / "images.xlsx")
    assert zipfile.is_zipfile(tmp_path / "images.xlsx")


def test_a_database_holds_everything(indexed: Path, tmp_path: Path) -> None:
    run("export", indexed, "-o", tmp_path / "all.duckdb")
    query = (
        "SELECT image_id, params.mad_k FROM kym_velocity_events AS events "
        "JOIN kym_velocity_events_params AS params USING (params_hash) "
        "JOIN kym_velocity_events_runs AS runs USING (image_id)"
    )
    with duckdb.connect(str(tmp_path / "all.duckdb"), read_only=True) as database:
        assert database.sql(query).fetchall() == [("a", 3.0)] * 2
    run("export", indexed, "kym_images", "-o", tmp_path / "one.duckdb")
    with duckdb.connect(str(tmp_path / "one.duckdb"), read_only=True) as database:
        assert database.sql("SHOW TABLES").fetchall() == [("kym_images",)]
    assert sorted(p.name for p in tmp_path.glob("*.duckdb*")) == ["all.duckdb", "one.duckdb"]
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["index", "none.zarr"], 1, "no such dataset"),
        (["sql", "{data}", "SELEC"], 1, "syntax error"),
        (
            ["sql", "{data}", "SELECT * FROM nope"],
            1,
            "Tables here: kym_analysed, kym_events, kym_images",
        ),
        (["index", "{data}", "nope"], 2, "there are images, reviews, velocity, velocity_events"),
        (["index", "{data}", "--mode", "sideways"], 2, "--mode"),
        (["import", "none", "{new}"], 1, "no such lab folder"),
        (["index", ""], 2, "path is empty"),
        (["import", "", "{new}"], 2, "path is empty"),
        (["import", "{data}", ""], 2, "path is empty"),
        (["check", ""], 2, "path is empty"),
        (["demo", ""], 2, "path is empty"),
        (["frobnicate"], 2, "frobnicate"),
        (["sql", "{data}", ""], 1, "empty"),
        (["sql", "{data}", "SELECT 1", "--format", "pdf"], 2, "pdf"),
        (["sql", "{data}", "SELECT $x"], 1, "x"),
        (["sql", "{data}", "SELECT 1", "-o", "{new}.pdf"], 2, ".parquet"),
        (["plot", "{data}", "FROM kym_images", "-o", "x.gif"], 2, ".png, .svg, .html"),
        (["plot", "{data}", "FROM kym_images", "--x", "no", "-o", "{new}.png"], 2, "image_id"),
        (["export", "{data}", "-o", "x.csv"], 2, "holds one table"),
        (["export", "{data}", "kym_images", "-o", "x.foo"], 2, ".parquet"),
        (["export", "{data}", "nope", "-o", "{new}.csv"], 1, "kym_images"),
        (["export", "{data}", "nope", "-o", "{new}.duckdb"], 1, "kym_images"),
    ],
)
def test_errors_are_clear(
    indexed: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    filled = [a.format(data=indexed, new=tmp_path / "new.zarr") for a in arguments]
    assert message in run(*filled, check=code).stderr


@pytest.mark.wide
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["index", ""], "empty"),
        (["index", "."], "not a dataset"),
        (["detect", "."], "not a dataset"),
        (["check", ".", "--repair"], "not a dataset"),
        (["import", "none", "new.zarr"], "no such lab folder"),
        (["import", "none", "."], "no such lab folder"),
    ],
)
def test_no_dataset_is_made_by_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    command = [*COMMAND, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert list(tmp_path.iterdir()) == []


FAKE = "x\nerror: all is lost"


@pytest.mark.long
def test_names_with_line_breaks_fake_no_line(tmp_path: Path) -> None:
    lab = tmp_path / "lab"
    lab.mkdir()
    (lab / f"{FAKE}.tif").write_bytes(b"none")
    home = tmp_path / FAKE
    home.mkdir()
    dataset = home / "d.zarr"
    (tmp_path / "file").touch()
    commands = {
        "failed": ["import", lab, dataset],
        "error": ["sql", dataset, "SELECT 1", "-o", tmp_path / "file" / f"{FAKE}.csv"],
    }
    for begins, arguments in commands.items():
        done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
        lines = done.stderr.splitlines()
        assert lines
        assert all(line.startswith(begins) for line in lines)
        assert "\\nerror: all is lost" in lines[0]


@pytest.mark.long
def test_debug_shows_the_traceback(indexed: Path) -> None:
    command = [*COMMAND, "--debug", "sql", str(indexed), "SELEC"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Traceback" in done.stderr


@pytest.mark.long
def test_a_terminal_gets_a_table_and_a_progress_bar(indexed: Path) -> None:
    shown = on_terminal("sql", indexed, "SELECT image_id FROM kym_images")
    assert "───" in shown


def test_the_demo_runs(tmp_path: Path) -> None:
    add_image(ZarrDataset(tmp_path / "demo" / "demo.zarr", mode="a"), "of-an-older-demo")
    out = run("demo", tmp_path / "demo").stdout
    assert "detected=6 skipped=0" in out
    assert "updated=6 skipped=0 missing=6" in out
    assert "updated=0 skipped=6" in out
    assert "abs_score_floor: 0.25 → 0.6" in out
    assert "detected=1 skipped=5" in out
    assert "updated=1 skipped=5" in out
    assert (tmp_path / "demo" / "demo-02.png").read_bytes().startswith(b"\x89PNG")
    (tmp_path / "mine.txt").write_text("")
    run("demo", tmp_path, check=2)


@pytest.mark.long
def test_check_finds_and_repairs(indexed: Path) -> None:
    done = run("check", indexed, "--format", "json")
    assert done.stdout.strip() == "[]"
    assert re.search(r"checked \d images and \d tables: all is well", done.stderr)
    (indexed / "index" / "kym_images.runs.parquet").write_bytes(b"half")
    found = json.loads(run("check", indexed, "--format", "json", check=1).stdout)
    assert {row["kind"] for row in found} == {"unreadable_ledger", "unrecorded"}
    repaired = json.loads(run("check", indexed, "--repair", "--format", "json").stdout)
    assert all(row["repaired"] for row in repaired)
    run("check", indexed)


@pytest.mark.long
def test_the_demo_runs_without_what_draws(tmp_path: Path) -> None:
    with patch.dict(sys.modules, {"vl_convert": None}):
        out = run("demo", tmp_path / "demo").stdout
    assert "left out: plots need the package 'vl_convert'" in out


@pytest.mark.parametrize("columns", ["40", "80", "140"])
def test_a_finding_is_told_whole_on_any_terminal(monkeypatch, columns: str) -> None:
    from kymflow.cli.commands.check import _told

    monkeypatch.setenv("COLUMNS", columns)
    problem, remedy = "the problem " * 20, "do something about it " * 9
    text = _told("kind", "a/path", problem, remedy, repaired=False)
    assert " ".join(text.split()) == f"kind a/path {problem}→ {remedy}".strip()
    assert max(map(len, text.splitlines())) <= int(columns)
    assert _told("kind", "a/path", "x", remedy, repaired=True).splitlines()[-1] == "  repaired"


def test_near_misses_are_told(indexed: Path) -> None:
    assert "No such command 'statsu'. Did you mean 'status'?" in run("statsu", check=2).stderr
    assert "Did you mean" not in run("frobnicate", check=2).stderr
    meant = indexed.with_name(indexed.name[:-1])
    assert f"Did you mean {indexed.name!r}?" in run("status", meant, check=1).stderr
