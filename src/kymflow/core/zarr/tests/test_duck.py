from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import ZarrDataset
from kymflow_zarr.duck import engine_connection

SPILLING = (
    "CREATE TEMP TABLE spilled AS SELECT md5(i::VARCHAR) AS text FROM range(500_000) AS t (i)"
)


def spill(folder: Path) -> set[Path]:
    """Spill for real and return the folder that it went to."""
    with engine_connection(folder) as con:
        con.execute("SET threads = 1")
        con.execute("SET memory_limit = '10MB'")
        con.execute(SPILLING)
        places = (folder, Path.cwd(), Path(tempfile.gettempdir()))
        return {path.parent for place in places for path in place.rglob("duckdb_temp*")}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Return the working directory and the folder of temporary files; nothing may be left there."""
    places = {name: tmp_path / name for name in ("working", "temporary")}
    for place in places.values():
        place.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(places["temporary"]))
    monkeypatch.chdir(places["working"])
    return places


def test_what_is_spilled_lies_in_the_folder_and_goes(
    tmp_path: Path, elsewhere: dict[str, Path]
) -> None:
    folder = tmp_path / "index"
    folder.mkdir()
    [place] = spill(folder)
    assert place.parent == folder
    assert place.name.startswith(".")
    assert not any(list(left.iterdir()) for left in (folder, *elsewhere.values()))


@pytest.mark.parametrize("how", ["missing", "a link"])
def test_where_it_may_not_be_spilled_a_private_folder_is_made(
    tmp_path: Path, elsewhere: dict[str, Path], how: str
) -> None:
    folder, away = tmp_path / "index", tmp_path / "away"
    away.mkdir()
    if how == "a link":
        folder.symlink_to(away)
    [place] = spill(folder)
    assert place.is_relative_to(elsewhere["temporary"])
    assert not any(list(left.iterdir()) for left in (away, *elsewhere.values()))


def test_all_that_the_engine_asks_duckdb_would_be_spilled_in_the_dataset(
    dataset: ZarrDataset, add_image: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []
    connect = duckdb.connect

    def watched(*given: Any, config: dict[str, str] | None = None) -> duckdb.DuckDBPyConnection:
        places.append(Path((config or {}).get("temp_directory", ".tmp")))
        return connect(*given, config=config or {})

    monkeypatch.setattr(duckdb, "connect", watched)
    add_image("a", 2)
    KymDataset(dataset).update_index(VelocityEventIndexer(), mode="incremental")
    dataset.replace_rows_for_image_id("mine", "a", duckdb.sql("SELECT 1 AS n"))
    assert check(dataset, repair=True).is_empty()
    assert len(places) >= 4
    assert all(place.is_relative_to(dataset.path) for place in places)
