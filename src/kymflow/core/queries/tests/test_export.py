"""Every table and view in every format, with hostile names and values; damage is one error."""

from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import polars.selectors as cs
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from kymflow.core.formats import FORMATS
from kymflow.core.formats.tests.test_excel import cells
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.queries.export import export
from kymflow_zarr import QueryError, UsageError, ZarrDataset

NAMES = ("*", "^a$", "^.*$", "=1+1", '"', "a b", "\u202e", "<b>", "[0]", "ß")
VALUES = (
    "=1+1",
    "\x1b[31m",
    "<script>",
    "a\nb",
    '"',
    ",",
    "\t",
    "",
    " ",
    "NaN",
    "1e5",
    "007",
    "\u2028",
    "🩸",
)
ENDINGS = {name: f".{name}" for name in FORMATS} | {"markdown": ".md"}


@pytest.fixture(scope="module")
def kym(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    dataset = ZarrDataset(tmp_path_factory.mktemp("hostile") / "data.zarr", mode="a")
    for number, value in enumerate(VALUES):
        record = dataset.add_image(np.zeros((4, 4), np.uint8), image_id=f"image-{number:02d}")
        record.save_metadata_payload(
            {"experiment_metadata": dict.fromkeys(NAMES, value), "source": {"path": f"x/{value}"}}
        )
        events = {name: [value, None] for name in NAMES} | {
            "a": [value] * 2,
            "event_type": [value] * 2,
            "whole": [2**53 + 1, -(2**63)],
            "real": [float("nan"), float("inf")],
            "lists": [[number], None],
            "fields": [{"^x$": value, "x": 1}, None],
        }
        record.save_df_parquet("velocity_events/events", pl.DataFrame(events))
        params = {
            "seed": 2**53 + number,
            "*": value,
            "^a$": {"a": value},
            "x": [0.5, 2**60][number % 2],
        }
        record.save_json("velocity_events/params", params)
    kym = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        assert kym.update_index(indexer).failed == 0
    return kym


TABLES = [
    f"kym_{table}{side}"
    for table in ("images", "velocity_events")
    for side in ("", "_runs", "_params")
]


@pytest.mark.wide
@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("table", TABLES)
def test_every_table_in_every_format(
    kym: KymDataset, tmp_path: Path, table: str, format_: str
) -> None:
    path = tmp_path / f"out{ENDINGS[format_]}"
    export(kym, path, [table])
    frame = kym.sql(f"FROM {table}")
    heads, rows = read(path, format_)
    if format_ == "xlsx":
        heads = [head.replace("_x000A_", "\n") for head in heads]
    assert len(heads) == frame.width
    assert rows == frame.height
    if format_ in ("csv", "tsv", "json", "jsonl", "parquet", "arrow"):
        assert heads == frame.columns


def read(path: Path, format_: str) -> tuple[list[str], int]:
    """Return the names and how many rows there are, by another reader than ours."""
    text = path.read_text() if format_ in ("csv", "tsv", "json", "jsonl", "markdown") else ""
    if format_ in ("csv", "tsv"):
        heads, *rows = csv.reader(io.StringIO(text), "excel" if format_ == "csv" else "excel-tab")
        return heads, len(rows)
    if format_ in ("json", "jsonl"):
        rows = (
            json.loads(text)
            if format_ == "json"
            else [json.loads(r) for r in text.split("\n") if r]
        )
        return list(rows[0]), len(rows)
    if format_ == "markdown":
        head, _, *lines = text.rstrip("\n").split("\n")
        return head.replace("\\|", "").strip("|").split("|"), len(lines)
    if format_ == "xlsx":
        sheet = cells(zipfile.ZipFile(path))
        assert not [kind for kind, _ in sheet.values() if kind == "e"]
        heads = [
            text
            for place, (_, text) in sheet.items()
            if place.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "1"
        ]
        return heads, max(int(place.strip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) for place in sheet) - 1
    if format_ == "parquet":
        return pq.read_table(path).column_names, pq.read_table(path).num_rows
    table = pa.ipc.open_file(path).read_all()
    return table.column_names, table.num_rows


def test_a_database_of_all(kym: KymDataset, tmp_path: Path) -> None:
    export(kym, tmp_path / "all.duckdb")
    with duckdb.connect(str(tmp_path / "all.duckdb")) as database:
        for table in TABLES:
            copied = database.sql(f"FROM {table}").pl()
            copied = copied.with_columns(cs.datetime(time_zone="*").dt.convert_time_zone("UTC"))
            assert_frame_equal(copied, kym.sql(f"FROM {table}"))


def test_values_of_strange_columns_are_their_own(kym: KymDataset) -> None:
    rows = kym.dataset.load_table("kym_velocity_events")
    for name in (*NAMES, "a"):
        values = [row[name] for row in rows.iter_rows(named=True)]
        assert values[::2] == list(VALUES)
        assert values[1::2] == (list(VALUES) if name == "a" else [None] * len(VALUES))
    images = kym.dataset.load_table("kym_images")
    for name in NAMES:
        told = [row[name] for row in images.iter_rows(named=True)]
        assert told == [value or None for value in VALUES]


def test_seeds_keep_their_digits(kym: KymDataset) -> None:
    params = kym.sql("SELECT seed, x FROM kym_velocity_events_params")
    assert sorted(params["seed"]) == [2**53 + number for number in range(len(VALUES))]
    assert set(params["x"]) == {"0.5", str(2**60)} or set(params["x"]) == {0.5, float(2**60)}


@pytest.mark.wide
@pytest.mark.parametrize("ending", [*ENDINGS.values(), ".duckdb"])
def test_a_damaged_page_is_one_error_and_no_file(
    tmp_path: Path, dataset: ZarrDataset, ending: str
) -> None:
    rows = 100_000
    table = pl.DataFrame({"a": range(rows), "s": [f"text {n}" for n in range(rows)]})
    dataset.save_table("t", table)
    path = dataset.path / "tables" / "t.parquet"
    if not path.is_file():
        [path] = (dataset.path / "tables" / "lake").rglob("*.parquet")
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 2] = b"\xff" * (len(data) // 2 - len(data) // 3)
    path.write_bytes(data)
    with pytest.raises(QueryError) as caught:
        export(KymDataset(dataset), tmp_path / f"out{ending}", ["t"])
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["data.zarr"]


@pytest.mark.parametrize("ending", [".csv", ".xlsx", ".duckdb"])
def test_an_export_goes_to_a_file_of_its_own(tmp_path: Path, kym: KymDataset, ending: str) -> None:
    precious = tmp_path / f"precious{ending}"
    precious.write_text("precious")
    link = tmp_path / f"link{ending}"
    link.symlink_to(precious)
    within = kym.dataset.path / "tables" / f"new{ending}"
    behind = tmp_path / "short"
    behind.symlink_to(kym.dataset.path)
    folder = tmp_path / f"folder{ending}"
    folder.mkdir()
    for target in (
        link,
        within,
        behind / "index" / f"x{ending}",
        folder,
        Path(f"/dev/null/../null{ending}"),
    ):
        with pytest.raises((UsageError, OSError)):
            export(kym, target, ["kym_images"])
    assert precious.read_text() == "precious"
    assert link.is_symlink()
    assert not within.exists()
    export(kym, precious, ["kym_images"])
    assert precious.read_bytes() != b"precious"
