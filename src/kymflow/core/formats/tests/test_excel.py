from __future__ import annotations

import io
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from xml.etree import ElementTree

import polars as pl
import pyarrow as pa
import pytest

from kymflow.core.formats import write
from kymflow.core.formats.tests.test_golden import hostile
from kymflow_zarr.errors import UsageError

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def workbook(batches: pa.RecordBatchReader) -> zipfile.ZipFile:
    sink = io.BytesIO()
    write(batches, "xlsx", sink)
    return zipfile.ZipFile(sink)


def cells(book: zipfile.ZipFile) -> dict[str, tuple[str | None, str]]:
    """Return each cell's type and value, shared strings looked up."""
    shared = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))
    strings = ["".join(item.itertext()) for item in shared.iter(f"{MAIN}si")]
    sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))
    found = {}
    for cell in sheet.iter(f"{MAIN}c"):
        value = cell.find(f"{MAIN}v")
        if value is not None:
            text = value.text or ""
            kind = cell.get("t")
            found[cell.get("r")] = kind, strings[int(text)] if kind == "s" else text
    return found


def test_values() -> None:
    frame = pl.DataFrame(
        {
            "n": [1, 2],
            "x": [0.5, None],
            "day": [date(2024, 1, 2), None],
            "at": [datetime(2024, 1, 2, 12, tzinfo=UTC), None],
            "list": [[1, 2], None],
            "formula": ["=1+1", "https://example.org"],
            "old": [date(1800, 1, 1), date(2024, 1, 1)],
            "large": [2**60, 1],
        }
    )
    sheet = cells(workbook(pa.RecordBatchReader.from_stream(frame)))
    assert sheet["A1"] == ("s", "n")
    assert sheet["A2"] == (None, "1")
    assert sheet["B2"] == (None, "0.5")
    assert "B3" not in sheet
    assert sheet["C2"] == (None, "45293")
    assert sheet["D2"] == (None, "45293.5")
    assert sheet["E2"] == ("s", "[1,2]")
    assert sheet["F2"] == ("s", "=1+1")
    assert sheet["F3"] == ("s", "https://example.org")
    assert sheet["G2"] == ("s", "1800-01-01")
    assert sheet["H2"] == ("s", str(2**60))


def test_a_hostile_answer_makes_a_workbook() -> None:
    book = workbook(hostile())
    assert book.testzip() is None
    assert cells(book)["E4"] == ("s", "日本語のとても長いセル 🩸 é")


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (pl.DataFrame({"n": range(1_048_576)}), "1,048,575 and the header"),
        (pl.DataFrame({"t": ["x" * 32_768]}), "column 't' has a text of 32,768 characters"),
        (pl.DataFrame({f"c{n}": [n] for n in range(16_385)}), "16,385 columns"),
    ],
)
def test_what_excel_cannot_hold_is_an_error(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        workbook(pa.RecordBatchReader.from_stream(frame))


@pytest.mark.parametrize(
    ("value", "scale", "cell"),
    [
        ("12345678901234567890.123", 3, ("s", "12345678901234567890.123")),
        ("27670116110564327421", 0, ("s", "27670116110564327421")),
        ("0.1234567890123456", 16, ("s", "0.1234567890123456")),
        ("-1000000000000000", 0, ("s", "-1000000000000000")),
        ("999999999999999", 0, (None, "999999999999999")),
        ("-12.50", 20, (None, "-12.5")),
        ("0.000", 3, (None, "0")),
    ],
)
def test_decimals_of_more_than_15_digits_are_texts(
    value: str, scale: int, cell: tuple[str | None, str]
) -> None:
    column = pa.array([Decimal(value), None], pa.decimal128(38, scale))
    assert cells(workbook(pa.table({"d": column}).to_reader()))["A2"] == cell
