"""Two imports of one folder at once bring in each image once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kymflow.core.lab_folder import import_folder, importer
from kymflow.core.lab_folder.known import KnownImages
from kymflow_zarr import ZarrDataset
from kymflow_zarr.store.locks import file_lock
from tests.support.crew import Crew
from tests.support.lab import EVENT, Lab

N_IMAGES = 12


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(in_stock=0) as crew:
        yield crew


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    for number in range(N_IMAGES):
        lab.tif(f"day{number % 3}/n{number:02d}", number)
    return lab


def at_once(crew: Crew, lab: Lab, dataset: Path, **given: object) -> list[dict[str, int]]:
    """Let two processes import the folder at once, and return what each reports."""
    children = [crew.child(), crew.child()]
    for child in children:
        child.tell("bring", dataset=str(dataset), lab=str(lab.root), **given)
    reports = [child.answer() for child in children]
    crew.take_back(*children)
    return reports


@pytest.mark.parametrize("there_is_a_dataset", [False, True])
@pytest.mark.parametrize("workers", [None, pytest.param(2, marks=pytest.mark.long)])
def test_each_image_comes_in_once(
    lab: Lab, tmp_path: Path, crew: Crew, there_is_a_dataset: bool, workers: int | None
) -> None:
    place = tmp_path / "data.zarr"
    if there_is_a_dataset:
        ZarrDataset(place, mode="a")
    reports = at_once(crew, lab, place, workers=workers)
    assert sum(report["added"] for report in reports) == N_IMAGES
    assert sum(report["skipped"] for report in reports) == N_IMAGES
    assert sum(report["failed"] for report in reports) == 0
    dataset = ZarrDataset(place, mode="a")
    assert len(dataset.list_image_ids()) == len(KnownImages(dataset).by_place) == N_IMAGES
    assert len(import_folder(lab.root, dataset).skipped) == N_IMAGES


def test_what_changed_is_merged_once(lab: Lab, tmp_path: Path, crew: Crew) -> None:
    place = tmp_path / "data.zarr"
    for number in range(N_IMAGES):
        lab.events(f"day{number % 3}/n{number:02d}", EVENT)
    import_folder(lab.root, place)
    for number in range(N_IMAGES):
        lab.events(f"day{number % 3}/n{number:02d}", EVENT, {**EVENT, "t_start": 3.0, "t_end": 4.0})
    (lab.root / "day2").rename(lab.root / "day3")
    reports = at_once(crew, lab, place, changed=True)
    assert sum(report["updated"] for report in reports) == N_IMAGES
    assert sum(report["moved"] for report in reports) == N_IMAGES // 3
    assert sum(report["conflicts"] + report["failed"] for report in reports) == 0
    for rec in ZarrDataset(place, mode="a").iter_records():
        assert rec.load_df_parquet("velocity_events/events").height == 2


def test_an_import_waits_for_another_and_says_so(
    lab: Lab, dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(lab.root, dataset)
    other = file_lock(dataset.path / "index" / "locks" / ".import.lock")
    other.acquire()
    said: list[str] = []

    def end_the_other(message: str, *_: object) -> None:
        said.append(message)
        other.release()

    monkeypatch.setattr(importer.log, "warning", end_the_other)
    assert len(import_folder(lab.root, dataset).skipped) == N_IMAGES
    assert len(said) == 1
    assert said[0].startswith("another import")


def test_an_import_that_was_killed_holds_nobody_up(lab: Lab, tmp_path: Path, crew: Crew) -> None:
    place = tmp_path / "data.zarr"
    ZarrDataset(place, mode="a")
    child = crew.child()
    child.tell("bring", dataset=str(place), lab=str(lab.root), die_at=40)
    assert child.dies()
    child.kill()
    report = import_folder(lab.root, place)
    assert 0 < len(report.added) < N_IMAGES
    assert len(report.added) + len(report.skipped) == N_IMAGES
