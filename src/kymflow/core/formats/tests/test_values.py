"""Values of every type come out as DuckDB itself writes them, under names of any kind."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import zipfile
from decimal import Decimal

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow.core.formats import FORMATS, write
from kymflow.core.formats.calendar import within_calendar
from kymflow.core.formats.tests.test_excel import cells

NAMES = [
    "a",
    "^a$",
    "*",
    "^.*$",
    "A b",
    '"',
    "'",
    "=1+1",
    "{x}",
    "[0]",
    "a.b",
    "ü",
    "\u202e",
    "$1",
    "x" * 300,
]
"""Names that Polars, Vega, Excel or SQL could take for something else."""


def written(sql: str, format_: str) -> bytes:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    sink = io.BytesIO()
    write(con.sql(sql).to_arrow_reader(), format_, sink)
    return sink.getvalue()


def read(data: bytes, format_: str) -> list[list[object]]:
    """Return the names and the rows of a file, by another reader than ours."""
    if format_ in ("csv", "tsv"):
        dialect = "excel" if format_ == "csv" else "excel-tab"
        return [list(row) for row in csv.reader(io.StringIO(data.decode()), dialect)]
    if format_ in ("json", "jsonl"):
        lines = data.decode().splitlines()
        rows = json.loads(data) if format_ == "json" else [json.loads(line) for line in lines]
        return [list(rows[0]), *(list(row.values()) for row in rows)]
    if format_ == "markdown":
        head, _, *rows = data.decode().splitlines()
        cut = [re.split(r"(?<!\\)\|", line)[1:-1] for line in (head, *rows)]
        return [[re.sub(r"\\(.)", r"\1", cell.strip()) for cell in line] for line in cut]
    if format_ == "xlsx":
        sheet = cells(zipfile.ZipFile(io.BytesIO(data)))
        width = max(len(place.rstrip("0123456789")) and _column(place) for place in sheet)
        lines = [["" for _ in range(width)] for _ in range(2)]
        for place, (_, text) in sheet.items():
            lines[int(place.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) - 1][_column(place) - 1] = text
        return lines
    opened = pq.read_table if format_ == "parquet" else lambda f: pa.ipc.open_file(f).read_all()
    table = opened(io.BytesIO(data))
    return [
        table.column_names,
        *(list(row) for row in zip(*table.to_pydict().values(), strict=True)),
    ]


def _column(place: str) -> int:
    number = 0
    for letter in place.rstrip("0123456789"):
        number = 26 * number + ord(letter) - 64
    return number


@pytest.mark.parametrize("format_", FORMATS)
def test_a_column_keeps_its_name_and_its_values(format_: str) -> None:
    quoted = ['"' + name.replace('"', '""') + '"' for name in NAMES]
    sql = f"SELECT {', '.join(f'{n} AS {name}' for n, name in enumerate(quoted))}"
    heads, values = read(written(sql, format_), format_)
    if format_ == "markdown":  # it replaces what could hide
        heads = ["\u202e" if head == "\N{REPLACEMENT CHARACTER}" else head for head in heads]
    if format_ == "xlsx":  # a table's column has 255 characters at most
        assert heads[-1] == "x" * 247 + "…"
        heads = [*heads[:-1], NAMES[-1]]
    assert heads == NAMES
    assert [str(value) for value in values] == [str(n) for n in range(len(NAMES))]


@pytest.mark.parametrize("format_", ["csv", "tsv", "json", "jsonl", "markdown", "xlsx"])
def test_fields_of_structs_keep_their_names(format_: str) -> None:
    sql = """SELECT {'a': 1, '^a$': 2, '*': 3} AS "^x$", [{'^.*$': [4], 'b': 5}] AS x"""
    _, values = read(written(sql, format_), format_)
    parsed = [json.loads(value) if isinstance(value, str) else value for value in values]
    assert parsed == [{"a": 1, "^a$": 2, "*": 3}, [{"^.*$": [4], "b": 5}]]


EXACT = [
    "9007199254740993",
    "-9223372036854775808",
    "18446744073709551615::UBIGINT",
    "170141183460469231731687303715884105727::HUGEINT",
    "(-170141183460469231731687303715884105728)::HUGEINT",
    "12345678901234567890.123::DECIMAL(38, 3)",
    "(-0.01)::DECIMAL(38, 2)",
    "0.1::DOUBLE + 0.2::DOUBLE",
    "0.1::FLOAT",
]


@pytest.mark.parametrize("format_", ["csv", "tsv", "json", "jsonl", "markdown", "xlsx"])
@pytest.mark.parametrize("number", EXACT)
def test_digits_are_kept(format_: str, number: str) -> None:
    if format_ == "xlsx" and "DOUBLE" in number:
        pytest.skip("a cell has 16 digits of a float")
    [told] = duckdb.sql(f"SELECT ({number})::VARCHAR").fetchone() or ()
    data = written(
        f"SELECT {number} AS n, [{number}] AS list, {{'n': {number}}} AS struct", format_
    )
    if format_.startswith("json"):
        text = data.decode().strip("[]\n")
        row = json.loads(text, parse_int=str, parse_float=str)
    else:
        heads, values = read(data, format_)
        row = dict(zip(heads, values, strict=True))
        for name in ("list", "struct"):
            row[name] = json.loads(row[name], parse_int=str, parse_float=str)
    for found in (row["n"], row["list"][0], row["struct"]["n"]):
        assert Decimal(found) == Decimal(told)


TIMES = {
    "'infinity'::TIMESTAMP": "infinity",
    "'-infinity'::TIMESTAMP": "-infinity",
    "'infinity'::TIMESTAMP_S": "infinity",
    "'-infinity'::TIMESTAMP_MS": "-infinity",
    "'infinity'::TIMESTAMP_NS": "infinity",
    "'infinity'::TIMESTAMPTZ": "infinity",
    "'infinity'::DATE": "infinity",
    "'-infinity'::DATE": "-infinity",
    "'294247-01-10 04:00:54.775806'::TIMESTAMP": "+294247-01-10T04:00:54.775806",
    "'290000-02-03'::TIMESTAMP_S": "+290000-02-03T00:00:00",
    "'290309-12-22 (BC) 00:00:00'::TIMESTAMP": "-290308-12-22T00:00:00",
    "'5881580-07-10'::DATE": "+5881580-07-10",
    "'5877642-06-25 (BC)'::DATE": "-5877641-06-25",
    "'12000-01-01 01:02:03.004'::TIMESTAMP": "+12000-01-01T01:02:03.004",
    "'0044-03-15 (BC)'::DATE": "-0043-03-15",
    "'9999-12-31 23:59:59.999999'::TIMESTAMP": "9999-12-31T23:59:59.999999",
    "'24:00:00'::TIME": "24:00:00",
}


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("format_", ["csv", "tsv", "json", "jsonl", "markdown", "xlsx"])
def test_times_beyond_the_calendar_are_told(format_: str, time: str) -> None:
    sql = f"SELECT {time} AS t, [NULL, {time}] AS list, {{'^t$': {time}}} AS struct"
    _, (bare, *nested) = read(written(sql, format_), format_)
    if not (format_ == "xlsx" and "9999" in time):  # a workbook's own time
        assert bare == TIMES[time]
    told = [json.loads(value) if isinstance(value, str) else value for value in nested]
    assert told == [[None, TIMES[time]], {"^t$": TIMES[time]}]


def test_times_beyond_the_calendar_are_told_as_others_are() -> None:
    """The text of a time does not depend on whether another one is infinite."""
    rng = random.Random(0)
    units = {"s": 8e12, "ms": 8e15, "us": 8e18, "ns": 9e18}
    for unit, most in units.items():
        numbers = [int(rng.uniform(-most, most)) for _ in range(500)]
        times = pa.array([*numbers, (1 << 63) - 1], pa.timestamp(unit))
        told = within_calendar(pa.chunked_array([times])).to_pylist()
        plain = pl.Series(pa.array(numbers, pa.timestamp(unit))).dt.to_string(
            "%Y-%m-%dT%H:%M:%S%.f"
        )
        assert told == [*plain, "infinity"]
    days = [rng.randrange(-90_000_000, 90_000_000) for _ in range(500)]
    told = within_calendar(pa.chunked_array([pa.array([*days, (1 << 31) - 1], pa.date32())]))
    plain = pl.Series(days).cast(pl.Date).dt.to_string("%Y-%m-%d")
    assert told.to_pylist() == [*plain, "infinity"]


@pytest.mark.parametrize("format_", ["csv", "tsv"])
@pytest.mark.parametrize("values", ["'a'", "1.5", "DATE '2024-01-01'", "[1]", "NULL"])
def test_a_null_in_a_single_column_is_a_row(format_: str, values: str) -> None:
    data = written(f"SELECT {values} AS x UNION ALL SELECT NULL ORDER BY 1 NULLS LAST", format_)
    found = pl.read_csv(data, separator="," if format_ == "csv" else "\t", infer_schema=False)
    assert found.height == 2
    assert not found["x"][1]
