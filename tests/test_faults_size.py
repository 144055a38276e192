"""Images whose rows are very many, very wide or very long."""

from __future__ import annotations

import os
import random
import resource
from collections.abc import Callable, Mapping

import polars as pl
import pytest

from kymflow.core.kym_dataset import BaseIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import ZarrDataset, ZarrImageRecord

Fill = Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]


class Wide(BaseIndexer):
    name = "wide"
    columns = 10_000

    def analysis_version(self) -> str:
        return "wide@1"

    def params_hash(self, rec: ZarrImageRecord) -> str:
        return "same"

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        return pl.DataFrame({f"column_{n}": [n, None] for n in range(self.columns)})


@pytest.mark.parametrize("columns", [300, pytest.param(10_000, marks=pytest.mark.long)])
def test_rows_of_thousands_of_columns(dataset: ZarrDataset, fill: Fill, columns: int) -> None:
    indexer = Wide()
    indexer.columns = columns
    kym = KymDataset(fill(dataset, {"a": 0, "b": 0}))
    kym.update_index(indexer)
    fill(dataset, {"c": 0})
    assert kym.update_index(indexer, mode="incremental").updated == 1
    rows = dataset.load_table("kym_wide")
    assert rows.shape == (6, columns + 3)
    assert rows[f"column_{columns - 1}"].to_list() == [columns - 1, None] * 3
    assert check(dataset).is_empty()


def texts(size: int, each: int = 1 << 20) -> pl.DataFrame:
    """Return rows of texts that take so many bytes, all different."""
    choose = random.Random(1)
    notes = [choose.randbytes(each // 2).hex() for _ in range(size // each)]
    return pl.DataFrame({"event_id": map(str, range(len(notes))), "note": notes})


@pytest.mark.long
@pytest.mark.parametrize("size", [300 << 20, 2 << 30], ids=["300 MiB", "2 GiB"])
def test_an_image_with_very_long_texts(dataset: ZarrDataset, fill: Fill, size: int) -> None:
    if os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 6 * size:
        pytest.skip("there is too little memory")
    kym = KymDataset(fill(dataset, {"a": 1, "b": 1}))
    kym.update_index(VelocityEventIndexer())
    dataset.record("a").save_df_parquet("velocity_events/events", texts(size))
    dataset.record("a").save_json("velocity_events/params", {"mad_k": 4.0})
    assert kym.update_index(VelocityEventIndexer(), mode="incremental").updated == 1
    fill(dataset, {"c": 2})
    assert kym.update_index(VelocityEventIndexer(), mode="incremental").updated == 1
    texts_of = "SELECT image_id, sum(length(note)) AS n FROM kym_velocity_events GROUP BY ALL"
    assert dict(kym.sql(texts_of).iter_rows()) == {"a": size, "b": None, "c": None}
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


@pytest.mark.parametrize("n_rows", [20_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_an_image_of_a_million_events(dataset: ZarrDataset, fill: Fill, n_rows: int) -> None:
    kym = KymDataset(fill(dataset, {"a": 1, "many": n_rows, "z": 2}))
    assert kym.update_index(VelocityEventIndexer()).rows == n_rows + 3
    dataset.record("a").save_json("velocity_events/params", {"mad_k": 4.0})
    assert kym.update_index(VelocityEventIndexer(), mode="incremental").updated == 1
    rows = dataset.load_table("kym_velocity_events")
    many = rows.filter(pl.col("image_id") == "many")["event_id"]
    assert many.equals(pl.Series("event_id", map(str, range(n_rows))))
    assert check(dataset).is_empty()
