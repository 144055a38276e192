"""Exported files say of each column what it means, and in which unit it is."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.queries.export import export
from kymflow_zarr import ZarrDataset


@pytest.fixture
def kym(dataset: ZarrDataset, add_image) -> KymDataset:
    add_image("a", 2)
    found = KymDataset(dataset)
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        found.update_index(indexer)
    return found


@pytest.mark.parametrize("ending", [".parquet", ".arrow"])
def test_fields_of_a_file_carry_meaning_and_unit(
    kym: KymDataset, tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"events{ending}"
    export(kym, path, ["kym_events"])
    if ending == ".parquet":
        schema = pq.read_schema(path)
    else:
        schema = pyarrow.feather.read_table(path).schema
    told = schema.field("duration_s").metadata
    assert (told[b"description"], told[b"unit"]) == (b"how long it lasts", b"s")
    assert b"unit" not in schema.field("roi_id").metadata


def test_a_database_comments_its_columns(kym: KymDataset, tmp_path: Path) -> None:
    path = tmp_path / "lab.duckdb"
    export(kym, path)
    with duckdb.connect(str(path), read_only=True) as database:
        comments = dict(
            database.execute(
                "SELECT table_name || '.' || column_name, comment FROM duckdb_columns() "
                "WHERE comment IS NOT NULL"
            ).fetchall()
        )
    assert comments["kym_events.duration_s"] == "how long it lasts (s)"
    assert comments["kym_images.um_per_pixel"] == ("distance from one pixel to the next (µm/pixel)")
    assert comments["kym_velocity_events_runs.status"] == "ok or failed"
