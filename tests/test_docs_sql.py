"""The SQL cookbook gives the answers it shows: every example runs on the demo dataset."""

from __future__ import annotations

import contextlib
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset
from kymflow_zarr import ZarrDataset

COOKBOOK = Path(__file__).parent.parent / "docs" / "sql.md"
EXAMPLE = re.compile(
    r"```(?P<language>sql|python)\n(?P<code>.*?)```\n\n"
    r"(?:```text\n(?P<printed>.*?)```\n|(?P<table>(?:\|[^\n]*\n)+))?",
    re.DOTALL,
)


def answers(demo: Path) -> Iterator[tuple[re.Match[str], str]]:
    """Yield each example with what it answers; Python examples share their names."""
    kym = KymDataset(ZarrDataset(demo / "demo.zarr", mode="r"))
    names: dict[str, object] = {}
    for example in EXAMPLE.finditer(COOKBOOK.read_text()):
        if example["language"] == "sql":
            yield example, as_markdown(kym.sql(example["code"]))
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.chdir(demo.parent):
            exec(example["code"], names)
        yield example, printed.getvalue()


def as_markdown(frame: pl.DataFrame) -> str:
    with pl.Config(
        tbl_formatting="ASCII_MARKDOWN",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_width_chars=1000,
        fmt_str_lengths=200,
    ):
        return f"{frame}\n"


def test_every_example_answers_as_shown(demo) -> None:
    shown = list(answers(demo.folder))
    assert sum(example["language"] == "sql" for example, _ in shown) >= 8
    assert sum(example["language"] == "python" for example, _ in shown) >= 8
    for example, answer in shown:
        expected = example["table"] if example["language"] == "sql" else example["printed"] or ""
        assert answer == expected, example["code"]


@pytest.mark.long
def test_the_demo_is_the_same_every_time(demo, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "kymflow.cli.main", "demo", str(tmp_path / "again")]
    subprocess.run(command, check=True, capture_output=True)
    first, second = (
        KymDataset(ZarrDataset(folder / "demo.zarr", mode="r"))
        for folder in (demo.folder, tmp_path / "again")
    )
    for table in first.dataset.list_table_names():
        assert first.dataset.load_table(table).equals(second.dataset.load_table(table))
