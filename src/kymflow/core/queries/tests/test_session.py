from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kymflow.core.errors import QueryError
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.queries.session import select_images

secret = pl.DataFrame({"x": [1]})


@pytest.fixture
def kym(dataset, add_image) -> KymDataset:
    add_image("a", 2)
    kym = KymDataset(dataset)
    kym.update_index(VelocityEventIndexer())
    return kym


def test_tables_ledgers_and_params_are_views(kym: KymDataset) -> None:
    query = (
        "SELECT events.image_id, runs.status, params.params "
        "FROM kym_velocity_events AS events "
        "JOIN kym_velocity_events_runs AS runs USING (image_id) "
        "JOIN kym_velocity_events_params AS params ON params.params_hash = events.params_hash"
    )
    assert kym.sql(query).rows() == [("a", "ok", '{"mad_k":3.0}')] * 2


def test_values_are_bound(kym: KymDataset) -> None:
    query = "SELECT count(*) FROM kym_velocity_events WHERE image_id = "
    assert kym.sql(f"{query}$id", {"id": "a"}).item() == 2
    assert kym.sql(f"{query}?", ["'; DROP"]).item() == 0


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "COPY kym_velocity_events TO '{folder}/out.csv'",
        "COPY kym_velocity_events TO '{table}'",
        "ATTACH '{folder}/other.db'",
        "EXPORT DATABASE '{folder}/out'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '1GB'",
        "RESET lock_configuration",
        "SELECT getenv('HOME')",
        "SELECT * FROM secret",
        "SELECT * FROM 'https://example.org/x.parquet'",
        "SELEC",
        "",
    ],
)
def test_no_way_out(kym: KymDataset, tmp_path: Path, query: str) -> None:
    table = kym.dataset.tables.path("kym_velocity_events")
    before = table.read_bytes()
    with pytest.raises(QueryError):
        kym.sql(query.format(folder=tmp_path, table=table))
    assert table.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data.zarr"]


def test_an_unknown_table_says_which_there_are(kym: KymDataset) -> None:
    with pytest.raises(QueryError, match="Tables here: kym_velocity_events, "):
        kym.sql("SELECT * FROM nope")


def test_a_condition_needs_the_images_table(kym: KymDataset) -> None:
    with pytest.raises(QueryError, match="kymflow index DATASET images"):
        select_images(kym.dataset, "true")
