"""Tables in a DuckLake: what holds for plain files holds for them, and they have a history."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import (
    MissingExtraError,
    OutsideError,
    QueryError,
    TableUnreadableError,
    UsageError,
)
from kymflow_zarr.tables.backend import Backend
from kymflow_zarr.tables.ducklake import extensions, transaction
from kymflow_zarr.tables.table_store import TableStore
from kymflow_zarr.tables.types import Kind, Merged, TableKey
from tests.support.bustle import bustle
from tests.support.crew import Crew
from tests.support.generations import TABLE, GenerationIndexer, held, put, with_rows
from tests.support.postgres import binaries, server

pytestmark = pytest.mark.skipif(
    not duckdb.__version__.startswith("1.5."), reason="DuckLake's extensions are for DuckDB 1.5"
)
INDEXER = GenerationIndexer()
IMAGES = [f"image-{number:02d}" for number in range(12)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Return a catalog in a running PostgreSQL; skip where that is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here: on Debian, apt-get install postgresql")
    with server(programs) as connection:
        yield f"postgres:{connection}"


@pytest.fixture(params=["file", pytest.param("postgres", marks=pytest.mark.long)])
def catalog(request: pytest.FixtureRequest) -> str | None:
    """Return where the lake has its catalog."""
    return request.getfixturevalue("postgres") if request.param == "postgres" else None


@pytest.fixture
def plain(tmp_path: Path) -> KymDataset:
    """Return twelve indexed images with none to three rows each."""
    kym = KymDataset(ZarrDataset(tmp_path / "data.zarr", mode="a"))
    for number, image_id in enumerate(IMAGES):
        put(kym.dataset, image_id, 0, number % 4)
    kym.update_index(INDEXER)
    return kym


@pytest.fixture
def kym(plain: KymDataset, catalog: str | None) -> KymDataset:
    """Return the same with its tables in a lake."""
    plain.dataset.tables.convert("ducklake", catalog=catalog)
    return plain


def change(kym: KymDataset, image_id: str, generation: int, n_rows: int) -> int:
    """Give an image other rows, update, and return the version that came of it."""
    put(kym.dataset, image_id, generation, n_rows)
    kym.update_index(INDEXER, mode="incremental")
    return int(kym.dataset.tables.history(TABLE)["version"][-1])


@pytest.mark.parametrize("catalog", ["file", "postgres"], indirect=True)
def test_tables_are_moved_there_and_back(plain: KymDataset, catalog: str | None) -> None:
    tables = plain.dataset.tables
    keys = [TableKey(TABLE), TableKey(TABLE, "runs"), TableKey(TABLE, "params")]
    before = {key: tables.load(key) for key in keys}
    files = [tables.backend.location(key) for key in keys]
    for to in ("ducklake", "parquet"):
        assert tables.convert(to, catalog=catalog if to == "ducklake" else None) == [TABLE]
        for key in keys:
            assert_frame_equal(tables.load(key), before[key])
        assert [file.exists() for file in files] == [to == "parquet"] * 3
        assert set(plain.staleness(INDEXER)["action"]) == {"skip"}
        assert check(plain.dataset).is_empty()
    assert not (plain.dataset.path / "tables" / "lake").exists()
    with pytest.raises(UsageError, match="already"):
        tables.convert("parquet")


READS: dict[str, Callable[[KymDataset], object]] = {
    "load": lambda kym: kym.dataset.load_table(TABLE).height,
    "count": lambda kym: kym.dataset.tables.count(TABLE),
    "sql": lambda kym: kym.sql(f"SELECT count(*) FROM {TABLE}").item(),
    "stream": lambda kym: kym.sql_lazy(f"FROM {TABLE}").read_all().num_rows,
    "connect": lambda kym: kym.connect().sql(f"SELECT count(*) FROM {TABLE}").fetchone()[0],  # type: ignore[index]
    "names": lambda kym: kym.dataset.list_table_names(),
    "staleness": lambda kym: set(kym.staleness(INDEXER)["action"]),
}


@pytest.mark.wide
@pytest.mark.parametrize("moves", [("ducklake",), ("ducklake", "parquet")])
@pytest.mark.parametrize("read", READS)
def test_a_reader_of_tables_that_are_moved_meanwhile_reads_them_where_they_went(
    plain: KymDataset, monkeypatch: pytest.MonkeyPatch, read: str, moves: tuple[Kind, ...]
) -> None:
    expected = READS[read](plain)
    reader = KymDataset(ZarrDataset(plain.dataset.path, mode="r"))
    left = list(moves)
    backend_of = TableStore.backend.fget
    assert backend_of is not None

    def moved_once_it_is_found(tables: TableStore) -> Backend:
        found = backend_of(tables)
        if left and tables is reader.dataset.tables:
            for to in [left.pop(0) for _ in moves]:
                plain.dataset.tables.convert(to)
        return found

    monkeypatch.setattr(TableStore, "backend", property(moved_once_it_is_found))
    assert READS[read](reader) == expected
    assert left == []


@pytest.mark.long
def test_another_process_finds_them(kym: KymDataset) -> None:
    other = KymDataset(ZarrDataset(kym.dataset.path, mode="r"))
    assert held(other.dataset.load_table(TABLE)) == {
        image_id: (0, number % 4) for number, image_id in enumerate(IMAGES) if number % 4
    }
    change(kym, "image-01", 5, 2)
    assert held(other.dataset.load_table(TABLE))["image-01"] == (5, 2)


@pytest.mark.long
def test_what_was_is_kept(kym: KymDataset) -> None:
    was = kym.dataset.load_table(TABLE)
    first = change(kym, "image-01", 1, 0)
    moment = datetime.now(UTC)
    put(kym.dataset, "image-02", 2, 7)
    kym.dataset.delete_image("image-03")
    second = change(kym, "image-99", 3, 1)
    history = kym.dataset.tables.history(TABLE)
    assert history["version"].to_list()[-2:] == [first, second]
    assert history.select("kept", "added", "removed").rows()[-2:] == [(17, 0, 1), (12, 8, 5)]
    assert history["note"][-1] == "generations generations@1"
    before = history["version"][0]
    assert_frame_equal(kym.sql(f"FROM {TABLE}", at=before), was)
    assert kym.sql(f"SELECT count(*) FROM {TABLE}", at=moment).item() == 17
    assert kym.sql(f"SELECT count(*) FROM {TABLE}").item() == 20
    told = kym.diff(INDEXER, before)
    assert told.rows() == [
        ("image-01", "remade", "params_changed", 1, 0, "generation: 0 → 1"),
        ("image-02", "remade", "params_changed", 2, 7, "generation: 0 → 2"),
        ("image-03", "removed", None, 3, None, None),
        ("image-99", "added", None, None, 1, None),
    ]
    assert kym.diff(INDEXER, second).is_empty()
    with pytest.raises(QueryError, match="as they were at 9999"):
        kym.sql(f"FROM {TABLE}", at=9999)


def test_a_table_that_is_missing_hides_none_that_is_there(kym: KymDataset) -> None:
    """One connection answers for all tables of a lake."""
    assert set(kym.staleness(ImageIndexer())["reason"]) == {"missing"}
    assert set(kym.staleness(INDEXER, verify=True)["action"]) == {"skip"}
    kym.dataset.delete_image("image-03")
    assert kym.update_index(ImageIndexer()).updated == len(IMAGES) - 1
    assert kym.update_index(INDEXER, mode="incremental").pruned == 1


def test_plain_files_have_no_history(plain: KymDataset) -> None:
    for ask in (
        lambda: plain.dataset.tables.history(TABLE),
        lambda: plain.dataset.tables.compact(),
        lambda: plain.sql(f"FROM {TABLE}", at=1),
        lambda: plain.diff(INDEXER, 1),
    ):
        with pytest.raises(UsageError, match="keep no history"):
            ask()


@pytest.mark.long
def test_columns_come_and_change_their_type(kym: KymDataset) -> None:
    tables = kym.dataset.tables
    one = pl.DataFrame({"image_id": ["a", "b"], "x": pl.Series([1, 2], dtype=pl.Int32)})
    tables.save("mine", one)
    tables.replace_rows_for_image_id("mine", "b", pl.DataFrame({"x": [2.5], "new": ["n"]}))
    expected = pl.DataFrame({"image_id": ["a", "b"], "x": [1.0, 2.5], "new": [None, "n"]})
    assert_frame_equal(tables.load("mine"), expected)
    assert tables.history("mine")["added"].to_list()[-2:] == [2, 1]
    tables.delete("mine")
    assert "mine" not in tables.names()
    version = tables.history("mine")["version"][-1]
    assert kym.dataset.sql("FROM kym_generations", at=version - 1).height == 18


@pytest.mark.long
def test_a_compaction_keeps_the_rows_and_forgets_versions(kym: KymDataset) -> None:
    for generation in range(1, 6):
        change(kym, "image-05", generation, generation % 4)
    rows = kym.dataset.load_table(TABLE)
    done = kym.dataset.tables.compact(timedelta(0))
    assert done.files_after < done.files_before
    assert done.versions >= 5
    compacted = kym.dataset.load_table(TABLE)
    assert held(compacted) == held(rows)
    assert kym.dataset.tables.history(TABLE).height <= 1
    assert set(kym.staleness(INDEXER)["action"]) == {"skip"}
    assert change(kym, "image-05", 9, 3)


@pytest.mark.long
def test_a_table_whose_last_change_is_forgotten_is_dated_by_the_oldest_version(
    kym: KymDataset,
) -> None:
    tables = kym.dataset.tables
    kym.dataset.save_table("mine", pl.DataFrame({"image_id": ["a"]}))
    change(kym, "image-05", 1, 3)
    before = tables.stat("mine")
    tables.compact(timedelta(0))
    assert tables.stat("mine").size == before.size
    assert tables.stat("mine").changed >= before.changed


@pytest.mark.long
def test_a_session_reaches_its_own_tables_alone(kym: KymDataset, tmp_path: Path) -> None:
    kym.dataset.save_table("secret", pl.DataFrame({"image_id": ["a"]}))
    con = kym.connect(tables=[TABLE])
    assert con.execute(f"SELECT count(*) FROM {TABLE}").fetchall() == [(18,)]
    data = kym.dataset.path / "tables" / "lake" / "data"
    for refused in (
        "FROM lake.main.secret",
        "FROM lake.main.secret AT (VERSION => 2)",
        f"COPY (SELECT 1) TO '{data}/evil.parquet'",
        "COPY (SELECT 1) TO 'folder://data/evil.parquet'",
        f"DELETE FROM lake.main.{TABLE}",
        "DELETE FROM __ducklake_metadata_lake.ducklake_table",
        "CALL ducklake_expire_snapshots('lake', older_than => now())",
        "CALL ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "FROM postgres_scan('host=127.0.0.1', 'public', 'x')",
        f"FROM sqlite_scan('{tmp_path}/x.db', 'x')",
        f"ATTACH '{tmp_path}/x.duckdb'",
    ):
        with pytest.raises(duckdb.Error):
            con.execute(refused).fetchall()
    with pytest.raises(QueryError):
        kym.sql("FROM lake.main.secret", tables=[TABLE])
    files = sorted(path for path in data.rglob("*") if path.is_file())
    for refused in (
        "FROM ducklake_delete_orphaned_files('lake', cleanup_all => true)",
        "FROM ducklake_cleanup_old_files('lake', cleanup_all => true)",
    ):
        with pytest.raises(QueryError):
            kym.sql(refused)
    assert sorted(path for path in data.rglob("*") if path.is_file()) == files
    assert check(kym.dataset).is_empty()


@pytest.mark.long
@pytest.mark.parametrize("catalog", ["file"], indirect=True)
def test_a_session_of_one_table_reads_no_file(kym: KymDataset) -> None:
    """Rows that were deleted, older versions and other tables lie in files of the same lake."""
    kym.dataset.save_table("secret", pl.DataFrame({"image_id": ["a"]}))
    change(kym, "image-01", 5, 1)
    data = kym.dataset.path / "tables" / "lake" / "data"
    files = [path for path in data.rglob("*") if path.is_file()]
    named = [f"folder://data/{path.relative_to(data)}" for path in files]
    con = kym.connect(tables=[TABLE])
    assert con.cursor().execute(f"SELECT count(*) FROM {TABLE}").fetchall() == [(18,)]
    assert con.execute("SHOW TABLES").fetchall() == [(TABLE,)]
    kinds = "SELECT column_name, column_type FROM (DESCRIBE kym_generations)"
    assert con.execute(kinds).fetchall() == kym.sql(kinds).rows()
    for file in (*map(str, files), *named, f"{data}/**/*.parquet"):
        for read in ("read_parquet", "parquet_metadata", "read_blob", "read_text"):
            with pytest.raises(duckdb.Error):
                con.execute(f"SELECT * FROM {read}($file)", {"file": file}).fetchall()
            with pytest.raises(QueryError):
                kym.sql(f"SELECT * FROM {read}('{file}'), {TABLE}", tables=[TABLE])
        with pytest.raises(QueryError):
            kym.sql(f"FROM '{file}'", tables=[TABLE])
    assert {
        database
        for (database,) in con.execute("SELECT database_name FROM duckdb_databases()").fetchall()
    } == {
        "memory",
        "system",
        "temp",
    }
    pivoted = kym.sql(f"PIVOT {TABLE} ON generation USING count(*)")
    assert sum(pivoted.select(pl.sum_horizontal("0", "5").sum()).row(0)) == 18


@pytest.mark.long
@pytest.mark.parametrize("catalog", ["file"], indirect=True)
def test_compaction_deletes_files_of_the_lake_alone(kym: KymDataset, tmp_path: Path) -> None:
    """Whoever sends a dataset wrote its catalog's list of files to delete."""
    tables, lake = kym.dataset.tables, kym.dataset.path / "tables" / "lake"
    own = lake / "data" / "main" / TABLE / "unused.parquet"
    artifact = kym.dataset.record("image-01").artifact_path("generation", ".json")
    precious = tmp_path / "precious.txt"
    for path in (own, artifact, precious):
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text("precious")
    listed = "INSERT INTO ducklake_files_scheduled_for_deletion VALUES (99, $1, $2, '2020-01-01')"
    whole = (lake / "catalog.ducklake").read_bytes()
    for place, relative in (
        (str(precious), False),
        (f"../../../../{precious.name}", True),
        (f"main/{TABLE}/../../../../../{artifact.relative_to(kym.dataset.path)}", True),
        (f"file:{precious}", False),
    ):
        with duckdb.connect(str(lake / "catalog.ducklake")) as con:
            con.execute(listed, [place, relative])
        with pytest.raises(OutsideError):
            tables.compact(timedelta(0))
        (lake / "catalog.ducklake").write_bytes(whole)
    assert [path.read_text() for path in (own, artifact, precious)] == ["precious"] * 3
    with duckdb.connect(str(lake / "catalog.ducklake")) as con:
        con.execute(listed, [f"main/{TABLE}/unused.parquet", True])
    assert tables.compact(timedelta(0)).removed == 1
    assert not own.exists()
    assert held(kym.dataset.load_table(TABLE))


def test_the_writer_that_was_beaten_tries_again(kym: KymDataset, catalog: str | None) -> None:
    if catalog is None:
        pytest.skip("a catalog in a file has one writer at a time")
    kym.dataset.save_table("mine", pl.DataFrame({"image_id": ["a", "b", "c"]}))
    mine, lake = TableKey("mine"), kym.dataset.tables.backend
    delete = "DELETE FROM lake.main.mine WHERE image_id = '{}'"
    tries = []

    def beaten(con: duckdb.DuckDBPyConnection) -> list[Merged]:
        con.execute(delete.format("a"))
        if not tries:
            transaction.transact(lake.catalog, mine, "first", first)
        tries.append(1)
        return []

    def first(con: duckdb.DuckDBPyConnection) -> list[Merged]:
        con.execute(delete.format("b"))
        return []

    transaction.transact(lake.catalog, mine, "second", beaten)
    assert len(tries) == 2
    assert kym.dataset.tables.load(mine)["image_id"].to_list() == ["c"]
    assert kym.dataset.tables.history("mine")["note"].to_list()[-2:] == ["first", "second"]


def test_a_password_is_not_taken_into_the_dataset(plain: KymDataset) -> None:
    for catalog in ("postgres:host=x password=hunter2", "postgres:postgresql://u:hunter2@h/db"):
        with pytest.raises(UsageError, match="leave the password out") as caught:
            plain.dataset.tables.convert("ducklake", catalog=catalog)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(UsageError, match="a catalog is given as"):
        plain.dataset.tables.convert("ducklake", catalog="mysql:x")


def test_a_server_that_is_not_there_is_named_and_nothing_changes(plain: KymDataset) -> None:
    with pytest.raises(TableUnreadableError, match="can't be reached"):
        plain.dataset.tables.convert("ducklake", catalog="postgres:host=127.0.0.1 port=1")
    assert plain.dataset.tables.path(TABLE).suffix == ".parquet"
    assert set(plain.staleness(INDEXER)["action"]) == {"skip"}


@pytest.mark.long
def test_a_missing_extension_is_named_with_its_extra(plain: KymDataset, monkeypatch) -> None:
    monkeypatch.setattr(extensions, "_packaged", lambda name: None)
    monkeypatch.setenv("HOME", str(plain.dataset.path))
    with pytest.raises(MissingExtraError, match=r"kymflow\[ducklake\]"):
        plain.dataset.tables.convert("ducklake")


@pytest.mark.parametrize("catalog", ["file"], indirect=True)
def test_no_empty_lake_takes_the_place_of_one_whose_catalog_is_gone(kym: KymDataset) -> None:
    catalog = kym.dataset.path / "tables" / "lake" / "catalog.ducklake"
    away = catalog.rename(kym.dataset.path / "catalog")
    for use in (
        lambda: kym.dataset.save_table("mine", pl.DataFrame({"image_id": ["a"]})),
        lambda: kym.dataset.load_table(TABLE),
        lambda: kym.sql(f"FROM {TABLE}"),
    ):
        with pytest.raises(TableUnreadableError, match="the catalog of the tables is missing"):
            use()
    away.rename(catalog)
    assert kym.dataset.load_table(TABLE).height == 18


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(in_stock=0) as crew:
        yield crew


MORE_POINTS = ["before note", "after note", "before rename catalog"]
POINTS = [
    "after rename catalog",
    *(pytest.param(point, marks=pytest.mark.long) for point in MORE_POINTS),
]


@pytest.mark.long
@pytest.mark.parametrize("catalog", ["file"], indirect=True)
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_writer_leaves_the_old_tables_or_the_new_ones(
    kym: KymDataset, crew: Crew, tmp_path: Path, point: str
) -> None:
    old = held(kym.dataset.load_table(TABLE))
    put(kym.dataset, "image-01", 1, 3)
    put(kym.dataset, "image-02", 1, 0)
    child = crew.child()
    log = tmp_path / "extracted"
    child.tell("update", dataset=str(kym.dataset.path), log=str(log), batch=2, point=point)
    child.died()
    assert child.kill() == signal.SIGKILL
    new = {**old, "image-01": (1, 3)}
    del new["image-02"]
    done = point.startswith("after rename")
    assert held(kym.dataset.load_table(TABLE)) == (new if done else old)
    check(kym.dataset, repair=True)
    report = kym.update_index(INDEXER, mode="incremental")
    assert (report.updated, report.resumed) == ((0, 0) if done else (2, 2))
    assert held(kym.dataset.load_table(TABLE)) == new
    runs = Ledger(kym.dataset, TABLE).load("image_id", "n_rows")
    assert dict(runs.iter_rows())["image-02"] == 0
    assert check(kym.dataset).is_empty()


@pytest.mark.long
def test_no_update_is_lost_and_every_snapshot_is_whole(
    kym: KymDataset, tmp_path: Path, crew: Crew
) -> None:
    readers = ["sql", "load_table"] * 2
    state = bustle(
        kym.dataset, crew, tmp_path, images=[IMAGES] * 8, readers=readers, updates=6, whole=True
    )
    assert held(kym.dataset.load_table(TABLE)) == with_rows(state)
    assert kym.update_index(INDEXER, mode="incremental").skipped == len(IMAGES)
    assert check(kym.dataset).is_empty()


def test_what_killed_writers_and_conversions_left_is_removed(kym: KymDataset) -> None:
    lake = kym.dataset.path / "tables" / "lake"
    orphan = (
        lake / "data" / "main" / TABLE / "ducklake-00000000-0000-7000-8000-000000000000.parquet"
    )
    pl.DataFrame({"x": [1]}).write_parquet(orphan)
    half = lake / f".catalog.ducklake.{'0' * 32}.tmp"
    half.write_bytes(b"half")
    plain = kym.dataset.path / "tables" / f"{TABLE}.parquet"
    pl.DataFrame({"x": [1]}).write_parquet(plain)
    left = {path.relative_to(kym.dataset.path).as_posix() for path in (orphan, half, plain)}
    at_once = timedelta(seconds=-1)
    assert {*check(kym.dataset, abandoned_after=at_once)["path"]} == left
    assert check(kym.dataset, repair=True, abandoned_after=at_once)["repaired"].all()
    assert check(kym.dataset, abandoned_after=at_once).is_empty()
    assert held(kym.dataset.load_table(TABLE)).keys() == {
        image_id for number, image_id in enumerate(IMAGES) if number % 4
    }


def test_a_lake_without_what_names_it_is_removed(plain: KymDataset) -> None:
    lake = plain.dataset.path / "tables" / "lake"
    (lake / "data").mkdir(parents=True)
    assert check(plain.dataset).is_empty()
    at_once = timedelta(seconds=-1)
    assert check(plain.dataset, repair=True, abandoned_after=at_once)["repaired"].to_list() == [
        True
    ]
    assert not lake.exists()
