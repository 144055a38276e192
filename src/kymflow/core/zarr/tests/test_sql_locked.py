from __future__ import annotations

import os
from pathlib import Path

import duckdb
import polars as pl
import pytest

from kymflow_zarr import QueryError, ZarrDataset

secret = pl.DataFrame({"x": [1]})

OUT = [
    "SELECT * FROM read_csv('{outside}/secret.csv')",
    "SELECT * FROM read_csv_auto('{outside}/secret.csv')",
    "SELECT * FROM sniff_csv('{outside}/secret.csv')",
    "SELECT * FROM read_text('{outside}/secret.csv')",
    "SELECT * FROM read_text('file://{outside}/secret.csv')",
    "SELECT * FROM read_blob('{outside}/secret.csv')",
    "SELECT * FROM read_json('{outside}/secret.csv')",
    "SELECT * FROM read_parquet('{outside}/other.parquet')",
    "SELECT * FROM read_parquet(['{table}', '{outside}/other.parquet'])",
    "SELECT * FROM parquet_scan('{outside}/other.parquet')",
    "SELECT * FROM parquet_metadata('{outside}/other.parquet')",
    "SELECT * FROM parquet_schema('{outside}/other.parquet')",
    "SELECT * FROM parquet_kv_metadata('{outside}/other.parquet')",
    "SELECT * FROM parquet_file_metadata('{outside}/other.parquet')",
    "SELECT * FROM '{outside}/other.parquet'",
    'SELECT * FROM "{outside}/other.parquet"',
    "SELECT * FROM '{outside}/secret.csv'",
    "SELECT * FROM glob('{outside}/*')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_blob('/proc/self/fd/0')",
    "SELECT * FROM read_text('{folder}/zarr.json')",
    "SELECT * FROM read_blob('{table}/../../zarr.json')",
    "SELECT * FROM read_parquet('s3://bucket/x.parquet')",
    "SELECT * FROM 'https://example.org/x.parquet'",
    "SELECT * FROM read_csv('https://example.org/x.csv')",
    "SELECT getenv('HOME')",
    "SELECT * FROM secret",
    "SELECT * FROM main.secret",
    "COPY cells TO '{outside}/out.csv'",
    "COPY cells TO '{table}'",
    "COPY (SELECT 1 AS x) TO '{table}' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY (SELECT 1 AS x) TO 'pinned://0' (FORMAT parquet, USE_TMP_FILE false)",
    "COPY cells TO '/dev/stdout'",
    "EXPLAIN ANALYZE COPY (SELECT 1 AS x) TO '{table}' (FORMAT parquet, USE_TMP_FILE false)",
    "EXPLAIN ANALYZE COPY cells TO '{outside}/out.csv'",
    "ATTACH '{outside}/other.db'",
    "ATTACH '{outside}/other.db' AS o (READ_ONLY)",
    "EXPORT DATABASE '{outside}/out'",
    "IMPORT DATABASE '{outside}'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "FORCE INSTALL httpfs FROM '{outside}'",
    "LOAD '{outside}/x.duckdb_extension'",
    "SET enable_external_access = true",
    "SET memory_limit = '1GB'",
    "SET allowed_paths = ['{outside}/secret.csv']",
    "SET allowed_configs = ['threads']",
    "SET temp_directory = '{outside}'",
    "RESET enable_external_access",
    "RESET lock_configuration",
    "PRAGMA memory_limit = '1GB'",
    "PRAGMA profiling_output = '{outside}/profile'",
    "INSERT INTO cells VALUES ('z', 1)",
    "DELETE FROM cells",
    "UPDATE cells SET id = 'z'",
    "CREATE SECRET s (TYPE s3, KEY_ID 'a')",
]
"""Refused by ``sql`` and by a connection alike."""

NOT_ONE_SELECT = [
    "CREATE TABLE x AS SELECT 1",
    "CREATE TEMP TABLE x AS SELECT 1",
    "CREATE VIEW x AS SELECT 1",
    "CREATE MACRO x() AS 1",
    "CREATE TYPE x AS ENUM ('a'); SELECT 1",
    "DROP VIEW cells",
    "ALTER VIEW cells RENAME TO x",
    "TRUNCATE cells",
    "ATTACH ':memory:' AS m",
    "USE memory",
    "BEGIN",
    "CHECKPOINT",
    "VACUUM",
    "ANALYZE",
    "PRAGMA enable_profiling",
    "PRAGMA enable_checkpoint_on_shutdown",
    "CALL pragma_version()",
    "SET VARIABLE x = 1",
    "SET TimeZone = 'Asia/Tokyo'",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DEALLOCATE p",
    "COMMENT ON VIEW cells IS 'x'",
    "EXPLAIN CREATE TABLE x AS SELECT 1",
    "EXPLAIN ANALYZE DROP VIEW cells",
    "EXPLAIN /* /* */ EXPLAIN SELECT '*/ COPY cells TO '/tmp/x' (USE_TMP_FILE false)",
    "/* /* */ EXPLAIN SELECT '*/ EXPLAIN ANALYZE COPY cells TO '/tmp/x' (USE_TMP_FILE false)",
    "SELECT 1; DROP VIEW cells",
    "SELECT 1; -- x\n/* y */ SELECT 2",
    "SELECT 1; PIVOT cells ON id USING count(*)",
    "PIVOT cells ON id USING count(*); PIVOT cells ON id USING count(*)",
    "WITH x AS (INSERT INTO cells VALUES ('z', 1) RETURNING *) FROM x",
    "SELECT * FROM query('SELECT 1')",
    "SELECT * FROM \"query\" /**/ ('FROM enable_' || 'logging()')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM enable_logging(storage = 'file', storage_path = '/tmp/x')",
    "FROM system.main.enable_logging(storage = 'file', storage_path = '/tmp/x')",
    "EXPLAIN ANALYZE FROM enable_logging()",
    "CALL enable_logging(storage = 'file', storage_path = '/tmp/x')",
    "PIVOT (FROM enable_logging()) ON ALL USING count(*)",
    "PIVOT (FROM query('FROM cells')) ON id USING count(*)",
    "SELEC",
    ";",
]
"""Refused by ``sql``, for it answers one SELECT."""


@pytest.fixture
def cells(dataset: ZarrDataset) -> ZarrDataset:
    dataset.save_table("cells", pl.DataFrame({"id": ["a", "b"], "speed": [1.0, 2.0]}))
    return dataset


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.csv").write_text("secret,code\n1,2\n")
    pl.DataFrame({"secret": [1]}).write_parquet(folder / "other.parquet")
    (folder / "schema.sql").write_text("CREATE TABLE x (i INTEGER);")
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.wide
@pytest.mark.parametrize("query", [*OUT, *NOT_ONE_SELECT])
def test_no_query_gets_out(cells: ZarrDataset, outside: Path, tmp_path: Path, query: str) -> None:
    places = {"outside": outside, "folder": cells.path, "table": cells.tables.path("cells")}
    for place, path in places.items():
        query = query.replace(f"{{{place}}}", str(path))
    before = everything(tmp_path)
    for ask in (cells.sql, cells.sql_lazy):
        with pytest.raises(QueryError):
            ask(query)
    assert everything(tmp_path) == before


@pytest.mark.parametrize("query", OUT)
def test_no_connection_gets_out(
    cells: ZarrDataset, outside: Path, tmp_path: Path, query: str
) -> None:
    places = {"outside": outside, "folder": cells.path, "table": cells.tables.path("cells")}
    for place, path in places.items():
        query = query.replace(f"{{{place}}}", str(path))
    before = everything(tmp_path)
    con = cells.connect()
    with pytest.raises(duckdb.Error):
        con.execute(query).fetchall()
    assert everything(tmp_path) == before
    assert con.execute("SELECT count(*) FROM cells").fetchall() == [(2,)]


def test_no_variable_of_the_program_is_read(cells: ZarrDataset) -> None:
    con = cells.connect()
    con.execute("SET python_enable_replacements = true")
    with pytest.raises(duckdb.CatalogException, match="secret does not exist"):
        con.sql("SELECT * FROM secret")


@pytest.mark.parametrize("call", ["duckdb_secrets()", "which_secret('s3://bucket', 's3')"])
def test_no_secret_is_known(cells: ZarrDataset, call: str) -> None:
    assert cells.sql(f"SELECT * FROM {call}").is_empty()
    assert cells.connect().execute(f"SELECT * FROM {call}").fetchall() == []


def test_relations_of_a_connection_write_nothing(cells: ZarrDataset, tmp_path: Path) -> None:
    before = everything(tmp_path)
    rows = cells.connect().sql("FROM cells")
    for write in (rows.to_csv, rows.to_parquet):
        with pytest.raises(duckdb.Error):
            write(str(tmp_path / "out"))
    assert everything(tmp_path) == before


@pytest.mark.long
def test_a_descriptor_can_be_read_but_leads_to_no_other_file(
    cells: ZarrDataset, outside: Path
) -> None:
    with (outside / "other.parquet").open("rb") as other:
        for number in range(other.fileno() + 20):
            try:
                names = cells.sql(f"FROM read_parquet('/proc/self/fd/{number}')").columns
            except QueryError:
                continue
            assert names == ["id", "speed"]


@pytest.mark.parametrize("name", ["link", "fifo", "folder", "dangling"])
def test_only_files_of_the_dataset_are_tables(cells: ZarrDataset, outside: Path, name: str) -> None:
    path = cells.tables.path(name)
    if name == "link":
        path.symlink_to(outside / "other.parquet")
    elif name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    else:
        path.symlink_to(outside / "none.parquet")
    with pytest.raises(QueryError, match=rf"{name}'? (is a link that leads out|does not exist)"):
        cells.sql(f"FROM {name}")
    assert cells.sql("SELECT count(*) FROM cells").item() == 2


def test_a_dataset_may_be_reached_by_a_link(cells: ZarrDataset, tmp_path: Path) -> None:
    (tmp_path / "link.zarr").symlink_to(cells.path)
    linked = ZarrDataset(tmp_path / "link.zarr", mode="r")
    assert linked.sql("SELECT count(*) FROM cells").item() == 2


def test_spilled_data_is_private(cells: ZarrDataset) -> None:
    folder = cells.sql("SELECT current_setting('temp_directory') AS folder").item()
    assert not Path(folder).exists()
    con = cells.connect()
    [(kept,)] = con.execute("SELECT current_setting('temp_directory')").fetchall()
    assert Path(kept).stat().st_mode & 0o077 == 0
    con.close()
    assert not Path(kept).exists()
