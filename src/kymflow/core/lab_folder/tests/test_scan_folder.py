from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow.core.lab_folder import import_folder
from kymflow.core.lab_folder.discover import LabFolder, scan_folder
from kymflow_zarr import NotFoundError, UsageError, ZarrDataset
from tests.support.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    lab = Lab(tmp_path / "lab")
    lab.tif("day0/here", 1)
    return lab


@pytest.fixture
def nas(tmp_path: Path) -> Lab:
    nas = Lab(tmp_path / "nas")
    nas.image("day1/there", 2)
    return nas


def paths(found: LabFolder) -> list[str]:
    return [image.path for image in found.images]


def test_linked_folders_are_told_and_followed_on_request(lab: Lab, nas: Lab) -> None:
    os.symlink(nas.root / "day1", lab.root / "day1")
    os.symlink(nas.root / "nowhere", lab.root / "broken")
    found = scan_folder(lab.root)
    assert (paths(found), found.links) == (["day0/here.tif"], ["day1"])
    found = scan_folder(lab.root, follow_links=True)
    assert (paths(found), found.links) == (["day0/here.tif", "day1/there.tif"], [])
    assert found.images[1].trace == lab.root / "day1" / "flow-analysis" / "there_radon.csv"


def test_links_that_lead_in_circles_end(lab: Lab, nas: Lab) -> None:
    os.symlink(lab.root, lab.root / "day0" / "up")
    os.symlink(nas.root, lab.root / "nas")
    os.symlink(lab.root, nas.root / "back")
    os.symlink(nas.root, nas.root / "day1" / "self")
    found = scan_folder(lab.root, follow_links=True)
    assert paths(found) == ["day0/here.tif", "nas/day1/there.tif"]


def test_a_folder_is_searched_by_its_own_path_rather_than_by_a_link(lab: Lab) -> None:
    os.symlink(lab.root / "day0", lab.root / "a_link")
    assert paths(scan_folder(lab.root, follow_links=True)) == ["day0/here.tif"]


def test_a_linked_folder_of_analyses_is_used_without_a_word(lab: Lab, nas: Lab) -> None:
    os.symlink(nas.root / "day1" / "flow-analysis", lab.root / "day0" / "flow-analysis")
    lab.tif("day0/there", 3)
    found = scan_folder(lab.root)
    assert found.links == []
    assert found.images[1].events is not None


def test_a_link_to_the_lab_folder_is_that_folder(lab: Lab, tmp_path: Path) -> None:
    os.symlink(lab.root, tmp_path / "link")
    assert scan_folder(tmp_path / "link").root == lab.root


def test_linked_images_are_imported_by_their_linked_paths(
    lab: Lab, nas: Lab, dataset: ZarrDataset
) -> None:
    os.symlink(nas.root / "day1", lab.root / "day1")
    assert import_folder(lab.root, dataset).links == ["day1"]
    report = import_folder(lab.root, dataset, follow_links=True)
    assert [path for path, _ in report.added] == ["day1/there.tif"]
    assert len(import_folder(lab.root, dataset, follow_links=True).skipped) == 2
    report = import_folder(nas.root, dataset)  # the same file by its own path
    assert (report.skipped, report.copies) == (["day1/there.tif"], [])


@pytest.mark.parametrize("make", ["nothing", "other files", "links", "hidden", "a dataset"])
def test_a_folder_without_images_is_an_error_and_makes_no_dataset(
    tmp_path: Path, nas: Lab, make: str
) -> None:
    folder, target = tmp_path / "wrong", tmp_path / "new.zarr"
    folder.mkdir()
    if make == "other files":
        (folder / "a.oir").touch()
        (folder / "notes.txt").touch()
    elif make == "links":
        os.symlink(nas.root / "day1", folder / "day1")
    elif make == "hidden":
        Lab(folder).tif(".trash/a", 1)
    elif make == "a dataset":
        ZarrDataset(folder, mode="a")
    with pytest.raises(UsageError) as error:
        import_folder(folder, target)
    assert not target.exists()
    said = {"links": "follow_links", "a dataset": "Zarr store"}.get(make, "no TIFF")
    assert said in error.value.message
    with pytest.raises(NotFoundError):
        import_folder(tmp_path / "typo", target)
    assert not target.exists()


def test_a_dataset_is_made_where_there_are_images(lab: Lab, tmp_path: Path) -> None:
    target = tmp_path / "new.zarr"
    assert len(import_folder(lab.root, target).added) == 1
    assert len(import_folder(str(lab.root), str(target)).skipped) == 1


def test_a_dataset_is_not_searched_for_images(lab: Lab) -> None:
    for name in ("data.zarr", "results"):
        target = lab.root / name
        ZarrDataset(target, mode="a")
        Lab(target / "images" / "x").tif("exported", 9)
        found = scan_folder(lab.root, dataset=target)
        assert paths(found) == ["day0/here.tif"]
        for inside in (target, target / "images" / "x"):
            with pytest.raises(UsageError, match="lies in the dataset"):
                scan_folder(inside, dataset=target)


def test_a_folder_that_cant_be_listed_is_told(lab: Lab) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may list everything")
    locked = lab.root / "locked"
    locked.mkdir(mode=0)
    assert [error.filename for error in scan_folder(lab.root).unreadable] == [str(locked)]
