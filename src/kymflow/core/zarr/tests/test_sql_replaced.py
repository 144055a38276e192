"""Readers while a writer replaces the table under them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import polars as pl
import pyarrow.compute as pc
import pytest

from kymflow_zarr import ZarrDataset
from kymflow_zarr.sql import session

WRITER = """
import itertools, sys
import polars as pl
from kymflow_zarr import ZarrDataset
dataset = ZarrDataset(sys.argv[1], mode="a")
for generation in itertools.count(1):
    rows = 150_000 + 1_000 * (generation % 50)
    frame = pl.DataFrame({"n": range(rows)}).with_columns(generation=pl.lit(generation))
    dataset.save_table("cells", frame)
    print(generation, flush=True)
"""


def generation(number: int, rows: int = 400_000) -> pl.DataFrame:
    return pl.DataFrame({"n": range(rows)}).with_columns(generation=pl.lit(number))


@pytest.fixture(params=["descriptors", "filesystem"])
def cells(
    request: pytest.FixtureRequest, dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> ZarrDataset:
    if request.param == "filesystem":
        monkeypatch.setattr(session, "has_descriptors", lambda: False)
    elif not session.has_descriptors():
        pytest.skip("this system has no /proc/self/fd")
    dataset.save_table("cells", generation(0))
    return dataset


@pytest.fixture
def writer(cells: ZarrDataset) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WRITER, str(cells.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        yield child
        child.kill()


def test_a_stream_keeps_the_table_it_began_with(cells: ZarrDataset) -> None:
    reader = cells.sql_lazy("SELECT generation, n FROM cells")
    seen = [reader.read_next_batch()]
    cells.save_table("cells", generation(1, rows=10))
    seen.extend(reader)
    assert sum(batch.num_rows for batch in seen) == 400_000
    assert {value for batch in seen for value in pc.unique(batch["generation"]).to_pylist()} == {0}
    assert cells.sql("SELECT DISTINCT generation FROM cells").item() == 1


def test_a_stream_outlives_its_table(cells: ZarrDataset) -> None:
    reader = cells.sql_lazy("SELECT n FROM cells")
    cells.delete_table("cells")
    assert reader.read_all().num_rows == 400_000


@pytest.mark.parametrize("gone", [False, True])
def test_a_table_replaced_before_the_question(cells: ZarrDataset, gone: bool) -> None:
    with session.Session(cells._views()) as opened:
        opened.open(["cells"], descriptors=session.has_descriptors())
        cells.delete_table("cells") if gone else cells.save_table("cells", generation(1, rows=10))
        assert opened.con.sql("SELECT generation, count(*) FROM cells GROUP BY ALL").fetchall() == [
            (0, 400_000)
        ]


def test_a_connection_keeps_the_tables_it_began_with(cells: ZarrDataset) -> None:
    con = cells.connect()
    cells.save_table("cells", generation(1, rows=10))
    for _ in range(2):
        rows = con.execute("SELECT generation, count(*) FROM cells GROUP BY ALL").fetchall()
        assert rows == [(0, 400_000)]


@pytest.mark.long
def test_no_answer_mixes_two_generations(cells: ZarrDataset, writer: subprocess.Popen[str]) -> None:
    seen = set()
    for _ in range(15):
        whole = cells.sql(
            "SELECT generation, count(*) AS rows, max(n) + 1 AS expected FROM cells GROUP BY ALL"
        )
        [(number, rows, expected)] = whole.rows()
        assert rows == expected
        seen.add(number)
        batches = list(cells.sql_lazy("SELECT generation FROM cells"))
        numbers = {value for each in batches for value in pc.unique(each["generation"]).to_pylist()}
        assert len(numbers) == 1
        seen |= numbers
        assert writer.stdout is not None
        writer.stdout.readline()
    assert len(seen) > 5
