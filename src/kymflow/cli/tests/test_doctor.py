"""``kymflow doctor``: what is installed, what is missing, and the command that helps."""

from __future__ import annotations

import csv

import polars as pl
import pytest

from kymflow.cli.tests.test_command import run
from kymflow.core import installation
from kymflow.core.installation import examine, is_sound


def test_everything_is_well_here() -> None:
    result = run("doctor", "--format", "csv")
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert {row["name"] for row in rows} >= {"python", "kymflow", "polars", "duckdb", "altair"}
    assert "pandas" not in {row["name"] for row in rows}
    assert all(row["state"] == "ok" for row in rows if row["part"] == "kymflow")


def found(monkeypatch: pytest.MonkeyPatch, *requirements: str) -> pl.DataFrame:
    monkeypatch.setattr(installation, "requires", lambda _: list(requirements))
    return examine().filter(~pl.col("name").is_in(["python", "kymflow"]))


@pytest.mark.parametrize(
    ("requirement", "state", "remedy", "sound"),
    [
        ("polars>=1", "ok", "", True),
        ("polars>=1000", "wrong version", "pip install 'polars>=1000'", False),
        ("not-there-at-all>=1", "not installed", "pip install kymflow", False),
        ("not-there>=1; extra == 'plot'", "not installed", "pip install 'kymflow[plot]'", True),
        ("polars>=1000; extra == 'plot'", "wrong version", "pip install 'polars>=1000'", False),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, requirement: str, state: str, remedy: str, sound: bool
) -> None:
    parts = found(monkeypatch, requirement)
    assert parts.select("state", "remedy").rows() == [(state, remedy)]
    assert is_sound(examine()) is sound


def test_an_extension_for_another_duckdb_does_not_load(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("duckdb_extension_ducklake")
    monkeypatch.setattr(installation, "_loads", lambda _: False)
    [row] = found(monkeypatch, "duckdb-extension-ducklake>=1; extra == 'ducklake'").rows(named=True)
    assert (row["state"], row["remedy"]) == (
        "does not load",
        "pip install -U 'kymflow[ducklake]'",
    )
    assert not is_sound(examine())
