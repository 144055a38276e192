from __future__ import annotations

import gc
import os
import tempfile
import threading
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pytest

from kymflow_zarr import QueryError, QueryTimeoutError, TableNotFoundError, UsageError, ZarrDataset
from kymflow_zarr.sql import interrupt, session

ENDLESS = "SELECT count(*) FROM range(100_000_000_000) AS t (i) WHERE hash(i) % 7 = 3"


@pytest.fixture
def cells(dataset: ZarrDataset) -> ZarrDataset:
    dataset.save_table(
        "cells", pl.DataFrame({"id": ["a", "b", "b"], "speed_mm_s": [1.0, 2.0, 4.0]})
    )
    dataset.save_table("vessels", pl.DataFrame({"id": ["a", "b"], "depth": [10, 20]}))
    return dataset


def with_settings(monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    *settings, lock = session._SETTINGS
    monkeypatch.setattr(session, "_SETTINGS", (*settings, *more, lock))


def open_files() -> set[str]:
    return set(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else set()


def test_tables_are_queried_by_their_names(cells: ZarrDataset) -> None:
    query = "SELECT id, sum(speed_mm_s) FROM cells JOIN vessels USING (id) GROUP BY id ORDER BY id"
    assert cells.sql(query).rows() == [("a", 1.0), ("b", 6.0)]
    assert ZarrDataset(cells.path, mode="r").sql(query).height == 2


def test_any_name_a_table_may_have_works(dataset: ZarrDataset) -> None:
    for name in ('we"ird', "it's", "50% *?[x]", "SELECT", "ünï"):
        dataset.save_table(name, pl.DataFrame({"name": [name]}))
    for name in dataset.list_table_names():
        quoted = name.replace('"', '""')
        assert dataset.sql(f'FROM "{quoted}"').item() == name
    assert len(dataset.connect().execute("SHOW TABLES").fetchall()) == 5


@pytest.mark.parametrize(
    ("query", "params", "expected"),
    [
        ("SELECT count(*) FROM cells WHERE id = $id", {"id": "b"}, 2),
        ("SELECT count(*) FROM cells WHERE id = ?", ["b"], 2),
        ("SELECT count(*) FROM cells WHERE id = ?", ("'; DROP",), 0),
        ("SELECT count(*) FROM cells", {}, 3),
    ],
)
def test_values_are_bound(cells: ZarrDataset, query: str, params, expected: int) -> None:
    assert cells.sql(query, params).item() == expected
    assert cells.sql_lazy(query, params).read_all().column(0).to_pylist() == [expected]


@pytest.mark.parametrize("query", ["SELECT $x + $y AS n", "SELECT ?::INTEGER AS n"])
def test_values_left_open_are_named(cells: ZarrDataset, query: str) -> None:
    with pytest.raises(QueryError, match=r"has no value for \$(x, \$y|1);"):
        cells.sql(query)


@pytest.mark.wide
@pytest.mark.parametrize(
    "query",
    [
        "FROM cells",
        "SHOW TABLES",
        "DESCRIBE cells",
        "SUMMARIZE cells",
        "EXPLAIN FROM cells",
        "  explain analyze SELECT * FROM cells; ",
        "EXPLAIN (FORMAT JSON) SELECT * FROM cells",
        "PIVOT cells ON id USING avg(speed_mm_s)",
        "WITH p AS (PIVOT cells ON id USING count(*)) FROM p",
        "WITH cells AS (SELECT * FROM cells WHERE id = 'a') FROM cells",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) FROM r",
        "FROM query_table('cel' || 'ls')",
        "SELECT * FROM information_schema.tables",
        "-- a note\nSELECT 1 /* and */ -- another",
        "VALUES (1), (2)",
        "(SELECT 1)",
    ],
)
def test_whatever_returns_rows_is_answered(cells: ZarrDataset, query: str) -> None:
    assert cells.sql(query).height >= 1
    assert cells.sql_lazy(query).read_all().num_rows >= 1


def test_every_table_is_listed(cells: ZarrDataset) -> None:
    assert cells.sql("SHOW TABLES")["name"].to_list() == ["cells", "vessels"]
    listed = cells.sql("SELECT view_name FROM duckdb_views() WHERE NOT internal ORDER BY ALL")
    assert listed["view_name"].to_list() == ["cells", "vessels"]


def test_only_the_tables_that_a_query_names_are_opened(cells: ZarrDataset) -> None:
    cells.tables.path("vessels").write_bytes(b"damaged")
    assert cells.sql("SELECT count(*) FROM Cells").item() == 3
    assert cells.connect(tables=["cells"]).execute("FROM cells").fetchall()
    with pytest.raises(QueryError, match="'vessels' can't be read; restore its file"):
        cells.sql("SELECT count(*) FROM cells, vessels")
    with pytest.raises(QueryError, match="'vessels' can't be read"):
        cells.connect()


def test_tables_restrict_what_a_query_sees(cells: ZarrDataset) -> None:
    assert cells.sql("FROM cells", tables=["cells"]).height == 3
    with pytest.raises(QueryError, match=r"vessels does not exist(.|\n)*Tables here: cells$"):
        cells.sql("FROM vessels", tables="cells")
    for ask in (cells.sql, cells.sql_lazy):
        with pytest.raises(TableNotFoundError, match=r"'vesels'. Did you mean 'vessels'\?"):
            ask("SELECT 1", tables=["cells", "vesels"])
    with pytest.raises(TableNotFoundError, match="Tables here: cells, vessels"):
        cells.connect(tables=["nope"])


@pytest.mark.wide
@pytest.mark.parametrize(
    ("query", "first", "details"),
    [
        (
            "SELECT sped_mm_s FROM cells",
            "column \"sped_mm_s\" not found in FROM clause! Did you mean 'speed_mm_s'?",
            ["LINE 1: SELECT sped_mm_s FROM cells", "               ^^^^^^^^^"],
        ),
        ("SELECT c.speed FROM cells AS c", "Did you mean 'speed_mm_s'?", ["^^^^^^^"]),
        ("SELECT * FROM cells JOIN vessels USING (idd)", "Did you mean 'id'?", []),
        ("SELECT zzz FROM vessels", "not found", ["vessels has: id, depth"]),
        ("SELECT *\nFROM cell", "Did you mean 'cells'?", ["LINE 2: FROM cell", "     ^^^^"]),
        ("SELECT * FROM nope", "does not exist!", ["Tables here: cells, vessels"]),
        ("SELEC 1", "syntax error at or near", ["LINE 1: SELEC 1", "        ^^^^^"]),
        ("SELECT id + 1 FROM cells", "No function matches", ["lines more", "LINE 1: SELECT id"]),
        ("SELECT 'x'::INTEGER FROM cells", "Could not convert string 'x'", ["^"]),
        ("SELECT * FROM read_csv('/etc/hosts')", "Permission Error", ["tables of this dataset"]),
        ("SELECT 1; SELECT 2", "there are 2 statements; run one at a time", []),
        ("", "the query is empty", []),
        (" -- nothing", "the query is empty", []),
    ],
)
def test_errors_say_what_is_wrong_and_where(
    cells: ZarrDataset, query: str, first: str, details: list[str]
) -> None:
    with pytest.raises(QueryError) as caught:
        cells.sql(query)
    line, *rest = str(caught.value).splitlines()
    assert first in line
    assert line.endswith(f"[dataset {cells.path}]")
    assert [detail for detail in details if detail not in "\n".join(rest)] == []
    assert len(rest) < 20


def test_an_empty_dataset_says_so(dataset: ZarrDataset) -> None:
    assert dataset.sql("SELECT 1 AS one").item() == 1
    assert dataset.connect().execute("SELECT 1").fetchall() == [(1,)]
    with pytest.raises(QueryError, match="Tables here: none yet"):
        dataset.sql("FROM cells")


def test_tables_that_differ_by_case_are_told_apart_by_leaving_one_out(cells: ZarrDataset) -> None:
    cells.save_table("Cells", pl.DataFrame({"id": ["z"]}))
    with pytest.raises(QueryError, match="'Cells' and 'cells' differ by case only"):
        cells.sql("FROM cells")
    assert cells.sql("FROM cells", tables=["Cells"]).item() == "z"


def test_columns_of_one_name_get_numbers(cells: ZarrDataset) -> None:
    query = "SELECT *, 1 AS id_1 FROM cells AS c JOIN vessels AS v ON c.id = v.id"
    names = ["id", "speed_mm_s", "id_1", "depth", "id_1_1"]
    assert cells.sql(query).columns == names
    assert cells.sql_lazy(query).read_all().column_names == names


def test_sums_are_narrowed_where_they_fit(cells: ZarrDataset) -> None:
    assert cells.sql("SELECT sum(depth) AS s FROM vessels").rows() == [(30,)]
    frame = cells.sql("SELECT sum(depth) AS s FROM vessels WHERE depth > $depth", {"depth": 99})
    assert frame.schema == {"s": pl.Int64}
    assert frame.rows() == [(None,)]
    wide = cells.sql("SELECT sum(9223372036854775807) AS s FROM vessels")
    assert int(wide.item()) == 2 * (2**63 - 1)


def test_times_are_in_utc(cells: ZarrDataset) -> None:
    assert cells.sql("SELECT TIMESTAMPTZ '2025-07-22 12:00:00' AS t").schema["t"] == pl.Datetime(
        "us", "UTC"
    )


@pytest.mark.parametrize(
    "value", ["INTERVAL 3 DAY", "{'a': [INTERVAL 3 DAY]}", "union_value(a := 1)"]
)
def test_types_that_frames_do_not_hold_are_refused(cells: ZarrDataset, value: str) -> None:
    with pytest.raises(QueryError, match="column 'x' holds a value of type"):
        cells.sql(f"SELECT {value} AS x")
    assert cells.sql("SELECT {'interval': 3} AS x").item() == {"interval": 3}


@pytest.mark.long
def test_a_slow_query_is_stopped(cells: ZarrDataset) -> None:
    with pytest.raises(QueryTimeoutError, match=r"longer than 0\.1 s"):
        cells.sql(ENDLESS, timeout=0.1)
    with pytest.raises(QueryTimeoutError):
        cells.sql_lazy(f"{ENDLESS} AND i > $i", {"i": 1}, timeout=0.1).read_all()
    assert cells.sql("SELECT count(*) FROM cells", timeout=60).item() == 3


@pytest.mark.long
def test_a_query_that_nobody_waits_for_is_ended(cells: ZarrDataset) -> None:
    cancelled = threading.Event()
    timer = threading.Timer(1, cancelled.set)
    timer.start()
    with pytest.raises(QueryError, match="cancelled") as found:
        cells.sql_lazy(ENDLESS, timeout=600, cancelled=cancelled).read_all()
    assert not isinstance(found.value, QueryTimeoutError)
    still = threading.Event()
    rows = cells.sql_lazy("SELECT count(*) FROM cells", timeout=60, cancelled=still).read_all()
    assert rows.column(0).to_pylist() == [3]
    with pytest.raises(QueryTimeoutError):
        cells.sql_lazy(ENDLESS, timeout=0.1, cancelled=still).read_all()


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_a_positive_number(cells: ZarrDataset, timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout must be"):
        cells.sql("SELECT 1", timeout=timeout)


@pytest.mark.parametrize("ask", ["sql", "sql_lazy"])
def test_ctrl_c_stops_the_query_and_not_the_program(
    cells: ZarrDataset, ask: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args, **kwargs):
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(interrupt, "wait", interrupted)
    before = open_files()
    threads = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        pl.from_arrow(getattr(cells, ask)(ENDLESS))
    assert threading.active_count() == threads
    assert open_files() == before
    assert cells.sql("SELECT count(*) FROM cells").item() == 3


def test_a_stream_comes_in_batches_and_closes_at_its_end(cells: ZarrDataset) -> None:
    cells.save_table("many", pl.DataFrame({"n": range(500_000)}))
    before = open_files()
    reader = cells.sql_lazy("SELECT n, n / 2 AS x FROM many WHERE n >= $low", {"low": 10})
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.schema == pa.schema([("n", pa.int64()), ("x", pa.float64())])
    sizes = [batch.num_rows for batch in reader]
    assert sum(sizes) == 499_990
    assert len(sizes) > 3
    assert open_files() == before


@pytest.mark.long
def test_a_stream_larger_than_memory_is_not_gathered(
    cells: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_settings(monkeypatch, "memory_limit = '100MB'")
    query = "SELECT i, repeat('x', 1000) AS x FROM range(1_000_000_000) AS t (i) WHERE i >= $low"
    reader = cells.sql_lazy(query, {"low": 0})
    rows = sum(reader.read_next_batch().num_rows for _ in range(5))
    assert rows >= 100_000


def test_a_dropped_stream_lets_go_of_its_files(cells: ZarrDataset) -> None:
    before = open_files()
    reader = cells.sql_lazy("FROM cells")
    assert open_files() != before or not before
    del reader
    assert open_files() == before


def test_an_error_in_mid_stream_is_a_query_error(cells: ZarrDataset) -> None:
    query = "SELECT if(i > 500_000, 'x', i::VARCHAR)::INTEGER AS n FROM range(1_000_000) AS t (i)"
    with pytest.raises(QueryError):
        cells.sql_lazy(query).read_all()
    with pytest.raises(QueryError, match="zzz"):
        cells.sql_lazy("SELECT zzz FROM cells")


@pytest.mark.long
def test_a_query_larger_than_memory_spills_and_cleans_up(
    cells: ZarrDataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    monkeypatch.chdir(scratch)
    places = "SELECT row_number() OVER (ORDER BY hash(i)) AS place FROM range(3_000_000) AS t (i)"
    with_settings(monkeypatch, "memory_limit = '100MB'")
    assert cells.sql(f"SELECT max(place) FROM ({places})").item() == 3_000_000
    with_settings(monkeypatch, "max_temp_directory_size = '0KB'")
    with pytest.raises(QueryError, match=r"(?s)Out of Memory.*sql_lazy") as caught:
        cells.sql(f"SELECT max(place) FROM ({places})")
    assert "SET " not in str(caught.value)
    assert list(scratch.iterdir()) == []


def test_a_connection_is_duckdbs_own(cells: ZarrDataset) -> None:
    con = cells.connect()
    assert isinstance(con, duckdb.DuckDBPyConnection)
    con.execute("CREATE TEMP TABLE fast AS SELECT * FROM cells WHERE speed_mm_s > 1")
    con.execute("CREATE TEMP MACRO um_per_s(v) AS v * 1000")
    con.execute("CREATE VIEW ids AS SELECT DISTINCT id FROM cells")
    assert con.execute(
        "SELECT max(um_per_s(speed_mm_s)) FROM fast JOIN ids USING (id)"
    ).fetchall() == [(4000.0,)]
    assert con.sql("SELECT * FROM cells ORDER BY ALL").df()["id"].tolist() == ["a", "b", "b"]
    con.execute("SET TimeZone = 'Europe/Berlin'")
    assert cells.list_table_names() == ["cells", "vessels"]
    assert cells.sql("SELECT count(*) FROM cells").item() == 3


def test_a_connection_keeps_its_files_while_cursors_and_relations_live(cells: ZarrDataset) -> None:
    before = open_files()
    rows = cells.connect().sql("SELECT count(*) FROM cells")
    cursor = cells.connect().cursor()
    assert rows.fetchall() == cursor.execute("SELECT count(*) FROM cells").fetchall() == [(3,)]
    del rows, cursor
    assert open_files() == before


def test_an_interruption_while_a_query_opens_leaves_no_folder(
    cells: ZarrDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_and_interrupt(*arguments: object, **named: object) -> None:
        make(*arguments, **named)
        raise KeyboardInterrupt

    make = os.mkdir
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.setattr(os, "mkdir", make_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        cells.sql("SELECT 1")
    gc.collect()
    assert list(scratch.iterdir()) == []
