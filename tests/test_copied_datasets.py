"""A dataset whose catalog is on a server is told from its copies, and from itself moved."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kymflow.cli.tests.test_command import run
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import (
    CopiedDatasetError,
    TableUnreadableError,
    UntrustedHostError,
    UsageError,
    ZarrDataset,
)
from kymflow_zarr.store.trust import Host, distrust, trust, trusted_hosts
from tests.support.generations import TABLE, GenerationIndexer, held, put
from tests.support.postgres import binaries, server

pytestmark = pytest.mark.skipif(
    not duckdb.__version__.startswith("1.5."), reason="DuckLake's extensions are for DuckDB 1.5"
)
INDEXER = GenerationIndexer()
MINE = pl.DataFrame({"image_id": ["a"], "n": [1]})


@pytest.fixture(scope="module")
def connection() -> Iterator[str]:
    """Return a running PostgreSQL's connection string; skip where that is not installed."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here: on Debian, apt-get install postgresql")
    with server(programs) as connection:
        yield connection


@pytest.fixture
def original(tmp_path: Path, connection: str) -> KymDataset:
    kym = KymDataset(ZarrDataset(tmp_path / "original.zarr", mode="a"))
    for number in range(4):
        put(kym.dataset, f"image-{number}", 0, number)
    kym.update_index(INDEXER)
    kym.dataset.tables.convert("ducklake", catalog=f"postgres:{connection}")
    return kym


def copied(kym: KymDataset, name: str = "copy.zarr") -> KymDataset:
    path = kym.dataset.path.with_name(name)
    shutil.copytree(kym.dataset.path, path)
    return KymDataset(ZarrDataset(path, mode="a"))


def change(kym: KymDataset, generation: int) -> None:
    put(kym.dataset, "image-1", generation, 1)
    kym.update_index(INDEXER, mode="incremental")


WRITES: dict[str, Callable[[KymDataset], object]] = {
    "index": lambda kym: change(kym, 7),
    "rebuild": lambda kym: kym.update_index(INDEXER),
    "save": lambda kym: kym.dataset.save_table("mine", MINE),
    "replace rows": lambda kym: kym.dataset.replace_rows_for_image_id(TABLE, "a", MINE),
    "delete": lambda kym: kym.dataset.delete_table(TABLE),
    "compact": lambda kym: kym.dataset.tables.compact(timedelta(0)),
    "convert": lambda kym: kym.dataset.tables.convert("parquet"),
}


@pytest.mark.long
def test_no_write_to_a_copy_reaches_its_original(original: KymDataset) -> None:
    before = original.dataset.load_table(TABLE)
    history = original.dataset.tables.history(TABLE)
    for name, write in WRITES.items():
        copy = copied(original, f"{name}.zarr")
        files = sorted((copy.dataset.path / "tables").rglob("*.parquet"))
        with pytest.raises(CopiedDatasetError, match="a copy"):
            write(copy)
        assert_frame_equal(copy.dataset.load_table(TABLE), before)
        assert sorted((copy.dataset.path / "tables").rglob("*.parquet")) == files
    assert_frame_equal(original.dataset.load_table(TABLE), before)
    assert_frame_equal(original.dataset.tables.history(TABLE), history)
    change(original, 1)
    assert held(original.dataset.load_table(TABLE))["image-1"] == (1, 1)


@pytest.mark.long
def test_the_command_says_what_to_do(original: KymDataset) -> None:
    copy = copied(original)
    put(copy.dataset, "image-1", 7, 1)
    error = run("tables", "compact", copy.dataset.path, check=1).stderr
    assert "kymflow tables adopt" in error
    assert str(original.dataset.path) in error
    said = run("tables", "adopt", copy.dataset.path).stdout
    version = original.dataset.tables.history(TABLE)["version"][-1]
    assert said == f"adopt version={version} newest={version}\n"
    assert "own" in run("tables", "adopt", copy.dataset.path, check=2).stderr


@pytest.mark.long
def test_a_copy_that_was_adopted_goes_its_own_way(original: KymDataset) -> None:
    change(original, 1)
    copy = copied(original)
    newest = original.dataset.tables.history(TABLE)["version"][-1]
    assert copy.dataset.tables.adopt() == (newest, newest)
    assert_frame_equal(copy.dataset.tables.history(TABLE), original.dataset.tables.history(TABLE))
    change(copy, 2)
    change(original, 3)
    assert held(copy.dataset.load_table(TABLE))["image-1"] == (2, 1)
    assert held(original.dataset.load_table(TABLE))["image-1"] == (3, 1)
    assert check(copy.dataset).is_empty()
    copy.dataset.tables.compact(timedelta(0))
    copy.dataset.tables.convert("parquet")
    assert held(original.dataset.load_table(TABLE))["image-1"] == (3, 1)
    assert check(original.dataset).is_empty()
    with pytest.raises(UsageError, match="nothing is to be adopted"):
        original.dataset.tables.adopt()


@pytest.mark.long
def test_a_copy_gets_the_newest_version_that_is_whole(original: KymDataset) -> None:
    change(original, 1)
    copy = copied(original)
    change(original, 2)
    original.dataset.delete_image("image-3")
    original.update_index(INDEXER, mode="incremental")
    adopted = copy.dataset.tables.adopt()
    assert adopted is not None
    assert adopted.version < adopted.newest
    was = original.sql(f"FROM {TABLE}", at=adopted.version)
    assert held(copy.dataset.load_table(TABLE)) == held(was)
    assert copy.sql(f"SELECT count(*) FROM {TABLE}").item() == was.height
    assert copy.dataset.tables.count(TABLE) == was.height
    change(copy, 5)
    assert check(copy.dataset).is_empty()
    assert set(copy.staleness(INDEXER)["action"]) == {"skip"}
    assert held(copy.dataset.load_table(TABLE))["image-1"] == (5, 1)


@pytest.mark.long
def test_a_copy_with_no_whole_version_says_so(original: KymDataset) -> None:
    copy = copied(original)
    shutil.rmtree(copy.dataset.path / "tables" / "lake" / "data" / "main")
    with pytest.raises(TableUnreadableError, match="copy it again"):
        copy.dataset.tables.adopt()
    assert held(original.dataset.load_table(TABLE))


@pytest.mark.long
def test_a_dataset_that_was_moved_says_so_once(original: KymDataset, tmp_path: Path) -> None:
    copy = copied(original)
    with pytest.raises(UsageError, match="was not moved"):
        copy.dataset.tables.adopt(moved=True)
    moved = original.dataset.path.rename(tmp_path / "moved.zarr")
    again = KymDataset(ZarrDataset(moved, mode="a"))
    with pytest.raises(CopiedDatasetError):
        change(again, 1)
    again.dataset.tables.adopt(moved=True)
    change(again, 1)
    assert held(again.dataset.load_table(TABLE))["image-1"] == (1, 1)
    with pytest.raises(CopiedDatasetError):
        copy.dataset.save_table("mine", MINE)
    # What the original did since is not in the copy: reading may stop at it before writing does.
    with pytest.raises((CopiedDatasetError, TableUnreadableError)):
        change(copy, 2)


@pytest.mark.long
def test_a_copy_in_the_place_of_its_original_is_told_from_it(
    original: KymDataset, tmp_path: Path
) -> None:
    path = original.dataset.path
    path.rename(tmp_path / "away.zarr")
    shutil.copytree(tmp_path / "away.zarr", path)
    with pytest.raises(CopiedDatasetError):
        change(KymDataset(ZarrDataset(path, mode="a")), 1)


@pytest.mark.long
def test_other_rights_and_a_link_to_it_leave_a_dataset_itself(
    original: KymDataset, tmp_path: Path
) -> None:
    os.chmod(original.dataset.path / "tables" / "lake.json", 0o640)
    change(original, 1)
    (tmp_path / "link.zarr").symlink_to(original.dataset.path)
    change(KymDataset(ZarrDataset(tmp_path / "link.zarr", mode="a")), 2)
    assert held(original.dataset.load_table(TABLE))["image-1"] == (2, 1)


@pytest.mark.long
def test_a_lake_of_before_takes_its_id_at_the_first_write(
    original: KymDataset, connection: str
) -> None:
    config = original.dataset.path / "tables" / "lake.json"
    said = json.loads(config.read_text())
    schema = said["schema"]
    forget(original, connection, schema)
    said.pop("dataset_id")
    config.write_text(json.dumps(said))
    early = copied(original)
    change(original, 1)
    assert json.loads(config.read_text())["dataset_id"]
    with pytest.raises(CopiedDatasetError):
        early.dataset.save_table("mine", MINE)
    change(original, 3)
    assert held(original.dataset.load_table(TABLE))["image-1"] == (3, 1)


def forget(kym: KymDataset, connection: str, schema: str) -> None:
    """Take out of a catalog what it knows of its dataset."""
    from kymflow_zarr.tables.ducklake.extensions import load, options

    with duckdb.connect(config=options()) as con:
        load(con, "postgres_scanner")
        con.execute(f"ATTACH '{connection}' AS pg (TYPE postgres)")
        con.execute(f'DROP TABLE pg."{schema}".dataset_location')


@pytest.mark.long
def test_a_schema_of_others_is_never_taken(original: KymDataset, connection: str) -> None:
    """Whoever makes a dataset may name any schema of a server that its user trusts."""
    path = original.dataset.path
    forged = copied(original, "forged.zarr")
    for name in ("public", "information_schema", "lab"):
        config = {"catalog": f"postgres:{connection}", "schema": name}
        (forged.dataset.path / "tables" / "lake.json").write_text(json.dumps(config))
        for write in WRITES.values():
            with pytest.raises(
                (TableUnreadableError, CopiedDatasetError, duckdb.Error, ValueError)
            ):
                write(KymDataset(ZarrDataset(forged.dataset.path, mode="a")))
    assert KymDataset(ZarrDataset(path, mode="a")).dataset.load_table(TABLE).height


@pytest.mark.long
def test_a_host_is_asked_only_if_its_user_allowed_it(original: KymDataset) -> None:
    hosts = trusted_hosts()  # of this test's server, and of any that ran before
    assert hosts
    assert all(distrust(host) for host in hosts)
    try:
        for ask in (
            lambda d: d.load_table(TABLE),
            lambda d: d.sql("SELECT 1"),
            lambda d: d.list_table_names(),
            lambda d: d.save_table("mine", MINE),
            lambda d: KymDataset(d).update_index(INDEXER),
        ):
            with pytest.raises(UntrustedHostError, match="nothing was sent"):
                ask(ZarrDataset(original.dataset.path, mode="a"))
    finally:
        for host in hosts:
            trust(host)
    assert original.dataset.load_table(TABLE).height


def test_trusting_a_host_is_for_its_port(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KYMFLOW_TRUSTED_HOSTS", "Db.Lab., [::1]:5433 /run/pg")
    allowed = trusted_hosts()
    for name, port, covered in (
        ("db.lab", 1, True),
        ("db.lab.evil", 1, False),
        ("::1", 5433, True),
        ("::1", 5432, False),
        ("/run/pg", 5432, True),
    ):
        assert any(each.covers(Host(name, port)) for each in allowed) is covered
