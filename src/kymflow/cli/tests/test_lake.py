"""The commands that are about tables in a DuckLake."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb
import pytest

from kymflow.cli.tests.test_command import index_two_images, run
from kymflow_zarr import ZarrDataset

TABLE = "kym_velocity_events"

pytestmark = pytest.mark.skipif(
    not duckdb.__version__.startswith("1.5."), reason="DuckLake's extensions are for DuckDB 1.5"
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="a")
    index_two_images(dataset)
    return dataset.path


@pytest.fixture
def lake(plain: Path) -> Path:
    assert run("tables", "convert", plain, "--to", "ducklake").stdout == (
        "convert to=ducklake tables=4\n"
    )
    return plain


@pytest.mark.long
def test_a_change_is_told_from_the_command_line(lake: Path) -> None:
    run("history", lake, TABLE)
    first = rows(run("history", lake, TABLE).stdout)[-1]["version"]
    record = ZarrDataset(lake, mode="a").record("a")
    record.save_json("velocity_events/params", {"mad_k": 9.0})
    run("index", lake)
    history = rows(run("history", lake, TABLE).stdout)
    assert history[0]["note"] == "converted from plain files"
    assert (history[-1]["kept"], history[-1]["added"], history[-1]["removed"]) == ("0", "2", "2")
    [told] = rows(run("diff", lake, TABLE, first).stdout)
    assert (told["image_id"], told["reason"]) == ("a", "params_changed")
    assert told["details"] == "mad_k: 3.0 → 9.0"
    assert rows(run("diff", lake, TABLE, history[-1]["version"]).stdout) == []
    ask = f"SELECT DISTINCT mad_k FROM {TABLE} JOIN {TABLE}_params USING (params_hash)"
    assert run("sql", lake, ask, "--at", first).stdout.split() == ["mad_k", "3.0"]
    assert run("sql", lake, ask).stdout.split() == ["mad_k", "9.0"]


@pytest.mark.long
def test_every_table_is_listed_exported_compacted_and_moved_back(
    lake: Path, tmp_path: Path
) -> None:
    listed = rows(run("tables", lake).stdout)
    assert [(row["table"], row["rows"], row["stale"]) for row in listed] == [
        ("kym_images", "2", "0"),
        ("kym_reviews", "0", "0"),
        ("kym_velocity", "0", "0"),
        (TABLE, "2", "0"),
    ]
    out = tmp_path / "rows.parquet"
    run("export", lake, TABLE, "-o", out)
    assert duckdb.read_parquet(str(out)).count("*").fetchall() == [(2,)]
    assert run("tables", "compact", lake, "--keep-days", "0").stdout.startswith("compact files=")
    assert run("check", lake).stdout.splitlines()[1:] == []
    run("tables", "convert", lake, "--to", "parquet")
    assert run("tables", lake).stdout.count("\n") == 5
    assert not (lake / "tables" / "lake.json").exists()


@pytest.mark.long
def test_what_plain_tables_lack_is_said_in_a_line(plain: Path) -> None:
    for arguments in (
        ("history", plain, TABLE),
        ("diff", plain, TABLE, "1"),
        ("sql", plain, f"FROM {TABLE}", "--at", "1"),
        ("tables", "compact", plain),
        ("tables", "convert", plain, "--to", "parquet"),
    ):
        error = run(*arguments, check=2).stderr
        assert error.startswith("error: ")
        assert error.count("\n") == 1


@pytest.mark.long
@pytest.mark.parametrize("moment", ["yesterday", "-1", "2026-13-01"])
def test_a_moment_that_is_none_is_refused(plain: Path, moment: str) -> None:
    assert (
        "neither a version nor a time"
        in run("sql", plain, f"FROM {TABLE}", f"--at={moment}", check=2).stderr
    )


@pytest.mark.long
def test_at_needs_a_query(plain: Path) -> None:
    assert run("sql", plain, "--query", "failed_runs", "--at", "1", check=2).stderr
