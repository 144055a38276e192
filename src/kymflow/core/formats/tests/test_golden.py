"""Each format's bytes are a contract: one snapshot over one hostile answer.

KYMFLOW_WRITE_GOLDEN=1 writes the snapshots again, for a reviewer to read.
"""

from __future__ import annotations

import io
import json
import os
from contextlib import suppress
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow.core.formats import ENDINGS, FORMATS, write

HERE = Path(__file__).parent
TEXTS = ("csv", "tsv", "json", "jsonl", "markdown")


def hostile() -> pa.RecordBatchReader:
    con = duckdb.connect()
    with suppress(duckdb.Error):  # without the extension ICU zoned times are in UTC anyway
        con.execute("SET TimeZone = 'UTC'")
    table = con.sql((HERE / "hostile.sql").read_text()).to_arrow_table()
    return table.to_reader(max_chunksize=2)  # so that every writer sees a second batch


def written(format_: str, batches: pa.RecordBatchReader | None = None, **options: bool) -> bytes:
    sink = io.BytesIO()
    write(batches or hostile(), format_, sink, **options)
    return sink.getvalue()


def agree(name: str, data: bytes) -> None:
    path = HERE / "golden" / name
    if os.environ.get("KYMFLOW_WRITE_GOLDEN"):
        path.write_bytes(data)
    assert data == path.read_bytes()


@pytest.mark.parametrize("format_", TEXTS)
def test_texts(format_: str) -> None:
    agree(f"hostile.{format_}", written(format_))


@pytest.mark.parametrize(
    ("format_", "read"),
    [
        ("parquet", lambda data: pq.read_table(io.BytesIO(data))),
        ("arrow", lambda data: pa.ipc.open_file(io.BytesIO(data)).read_all()),
    ],
)
def test_binary_formats_keep_types_and_values(format_: str, read) -> None:
    table = read(written(format_))
    shown = [*map(str, table.schema), *(f"{row}" for row in table.to_pylist())]
    agree(f"hostile.{format_}.txt", "".join(f"{line}\n" for line in shown).encode())
    assert pl.from_arrow(table).height == 4


def test_csv_reads_back_as_it_was() -> None:
    read = pl.read_csv(written("csv"), infer_schema=False)
    before = pa.Table.from_batches(hostile())
    for name in ("lines", "escapes", "markup"):
        assert read[name].to_list() == before[name].to_pylist()


def test_json_reads_back_as_it_was() -> None:
    rows = json.loads(written("json"))
    assert rows == [json.loads(line) for line in written("jsonl").splitlines()]
    before = hostile().read_all()
    for name in ("whole", "lines", "escapes", "markup"):
        values = [row[name] for row in rows]
        assert values == [
            None if v is None else type(values[0])(v) for v in before[name].to_pylist()
        ]


@pytest.mark.parametrize(
    ("format_", "bytes_"),
    [
        ("csv", b"a,b\n"),
        ("tsv", b"a\tb\n"),
        ("json", b"[]\n"),
        ("jsonl", b""),
        ("markdown", b"|   a | b   |\n| --: | --- |\n"),
    ],
)
def test_no_rows(format_: str, bytes_: bytes) -> None:
    empty = pa.table({"a": pa.array([], pa.int64()), "b": pa.array([], pa.string())})
    assert written(format_, empty.to_reader()) == bytes_


def test_no_header() -> None:
    rows = pa.table({"a": [1]})
    assert written("csv", rows.to_reader(), header=False) == b"1\n"
    assert written("tsv", rows.to_reader(), header=False) == b"1\n"


def test_columns_of_one_name_are_numbered() -> None:
    rows = pa.table([pa.array([n]) for n in range(4)], names=["n", "N", "n", "n_1"])
    assert written("csv", rows.to_reader()).splitlines()[0] == b"n,N_1,n_2,n_1_1"


def test_small_batches_share_a_row_group() -> None:
    rows = pa.table({"a": range(1000)})
    data = written("parquet", rows.to_reader(max_chunksize=10))
    assert pq.ParquetFile(io.BytesIO(data)).num_row_groups == 1


def test_every_ending_names_a_format() -> None:
    assert set(ENDINGS.values()) == set(FORMATS)
