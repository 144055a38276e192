"""Many processes at one dataset: no update is lost, no reader waits, errs or sees half a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import ZarrDataset
from tests.support.bustle import bustle
from tests.support.crew import Crew
from tests.support.generations import TABLE, GenerationIndexer, held, put, with_rows

READERS = ["sql", "load_table", "polars", "pyarrow"]


class Scale(NamedTuple):
    """How many processes do how much."""

    writers: int
    readers: list[str]
    updates: int


BRIEF = Scale(2, ["sql", "polars"], 3)
FULL = Scale(8, READERS, 12)


@pytest.fixture
def dataset(tmp_path: Path) -> ZarrDataset:
    """Return a dataset of twelve images, indexed."""
    dataset = ZarrDataset(tmp_path / "data.zarr", mode="a")
    for number in range(12):
        put(dataset, f"image-{number:02d}", 0, number % 4)
    KymDataset(dataset).update_index(GenerationIndexer())
    return dataset


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(in_stock=0) as crew:
        yield crew


@pytest.mark.parametrize(
    ("overlapping", "scale"),
    [
        pytest.param(True, BRIEF, id="brief"),
        pytest.param(False, FULL, id="disjoint", marks=pytest.mark.long),
        pytest.param(True, FULL, id="overlapping", marks=pytest.mark.long),
    ],
)
def test_no_update_is_lost_and_every_snapshot_is_whole(
    dataset: ZarrDataset,
    tmp_path: Path,
    crew: Crew,
    overlapping: bool,
    scale: Scale,
) -> None:
    ids = dataset.list_image_ids()
    images = [ids if overlapping else ids[n :: scale.writers] for n in range(scale.writers)]
    state = bustle(
        dataset,
        crew,
        tmp_path,
        images=images,
        readers=scale.readers,
        updates=scale.updates,
        whole=overlapping,
    )
    assert held(dataset.load_table(TABLE)) == with_rows(state)
    report = KymDataset(dataset).update_index(GenerationIndexer(), mode="incremental")
    assert report.skipped == len(ids)
    assert check(dataset).is_empty()


def test_tables_do_not_block_each_other(dataset: ZarrDataset, crew: Crew) -> None:
    holder = crew.child()
    holder.tell("hold", dataset=str(dataset.path), table=TABLE)
    assert holder.answer() == "held"
    assert KymDataset(dataset).update_index(ImageIndexer(), on_error="record").updated == 12


def test_readers_do_not_wait_for_a_writer(dataset: ZarrDataset, crew: Crew) -> None:
    holder = crew.child()
    holder.tell("hold", dataset=str(dataset.path), table=TABLE)
    assert holder.answer() == "held"
    kym = KymDataset(ZarrDataset(dataset.path, mode="r"))
    assert kym.sql(f"SELECT count(*) FROM {TABLE}").item() == 18
    assert kym.dataset.load_table(TABLE).height == 18
    assert kym.staleness(GenerationIndexer())["action"].to_list() == ["skip"] * 12


@pytest.mark.long
def test_the_lock_of_a_dead_process_blocks_nobody(dataset: ZarrDataset, crew: Crew) -> None:
    holder = crew.child()
    holder.tell("hold", dataset=str(dataset.path), table=TABLE)
    assert holder.answer() == "held"
    holder.kill()
    assert (dataset.path / "index" / "locks" / f"{TABLE}.lock").exists()
    put(dataset, "image-00", 1, 3)
    assert KymDataset(dataset).update_index(GenerationIndexer(), mode="incremental").updated == 1
