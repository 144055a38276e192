from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest
from rich.cells import cell_len

from kymflow.cli.table import fitting, table_text
from kymflow.cli.vertical import vertical_text
from kymflow.core.formats.tests.test_golden import hostile

HERE = Path(__file__).parent


def check_golden(text: str, name: str) -> None:
    path = HERE / "golden" / name
    if os.environ.get("KYMFLOW_WRITE_GOLDEN"):
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("width", [60, None])
def test_golden_vertical(width: int | None) -> None:
    text = vertical_text(hostile(), rows=50, width=width, colour=False)
    check_golden(text, f"hostile_vertical_{width or 'whole'}.txt")
    assert all(width is None or cell_len(line) <= width for line in text.splitlines())


def test_vertical_says_what_it_leaves_out() -> None:
    frame = pl.DataFrame({"n": [1, 2, 3]})
    batches = pa.RecordBatchReader.from_stream(frame)
    text = vertical_text(batches, rows=1, width=None, colour=False)
    assert text == "── row 1\nn  1\n1 of 3 rows\n"


def shown(frame: pl.DataFrame, *, rows: int = 50, width: int | None = 80) -> list[str]:
    batches = pa.RecordBatchReader.from_stream(frame)
    return table_text(batches, rows=rows, width=width, colour=False).splitlines()


@pytest.mark.parametrize("width", [60, 80, 160, None])
def test_golden(width: int | None) -> None:
    text = table_text(hostile(), rows=50, width=width, colour=False)
    check_golden(text, f"hostile_{width or 'whole'}.txt")
    assert "\x1b" not in text
    if width:
        assert max(map(cell_len, text.splitlines())) <= width


def test_numbers_stand_below_one_another() -> None:
    frame = pl.DataFrame({"x": [1.5, 10.25, None, 3.0, 1234567.0, 1e-9]})
    assert shown(frame)[2:] == [
        "      1.5",
        "     10.25",
        "         ·",
        "      3",
        "1234567",
        "  1e-09",
    ]


def test_what_is_left_out_is_said() -> None:
    many = pl.DataFrame({f"column_{n}": [n] * 1200 for n in range(30)})
    lines = shown(many)
    assert lines[-1] == "50 of 1,200 rows, 7 of 30 columns; name those you want"
    assert lines[0].endswith("  …")
    assert all(line.endswith("  …") for line in lines[2:-1])
    assert shown(many.head(3).select("column_1"))[-1] == "       1"
    assert shown(many.clear().select("column_1"))[-1] == "no rows"


def test_texts_are_cut_and_numbers_never() -> None:
    frame = pl.DataFrame({"n": [123456789012], "text": ["x" * 200], "m": [0.123456]})
    row = shown(frame)[2]
    assert "123456789012" in row
    assert "0.123456" in row
    assert "x…" in row
    assert cell_len(row) <= 80


def test_times_are_readable() -> None:
    at = datetime(2025, 7, 1, 12, 30, tzinfo=UTC)
    assert shown(pl.DataFrame({"at": [at]}))[2] == "2025-07-01 12:30:00Z"


def test_colour_only_where_asked() -> None:
    batches = pa.RecordBatchReader.from_stream(pl.DataFrame({"x": [None, "·"]}))
    text = table_text(batches, rows=50, width=80, colour=True)
    assert "\x1b[1mx" in text
    assert "\x1b[2m·" in text


def test_a_plan_is_printed_as_it_is() -> None:
    frame = pl.DataFrame({"explain_key": ["physical_plan"], "explain_value": ["┌─┐\n└─┘\n"]})
    assert shown(frame) == ["┌─┐", "└─┘"]


@pytest.mark.parametrize(
    ("columns", "width", "widths"),
    [
        ([(5, 5)], 80, [5]),
        ([(100, 10)], 80, [80]),
        ([(50, 10), (50, 10)], 80, [39, 39]),
        ([(70, 10), (5, 5)], 60, [53, 5]),
        ([(30, 10), (30, 10), (30, 10)], 30, [12, 12]),
        ([(200, 200)], 80, [200]),
        ([(9, 9), (9, 9)], None, [9, 9]),
    ],
)
def test_fitting(columns: list[tuple[int, int]], width: int | None, widths: list[int]) -> None:
    assert fitting(columns, width) == widths
