"""Images are known by their content, wherever they lie and whatever they are called."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow.core.lab_folder import Copy, ImportReport, Moved, import_folder, seen, signature
from kymflow.core.lab_folder.known import KnownImages
from kymflow_zarr import ZarrDataset
from tests.support.lab import EVENT, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return a lab folder of two images in a folder, one of them with all that there can be."""
    lab = Lab(tmp_path / "lab")
    lab.image("AngII/a", 1)
    lab.tif("AngII/b", 2)
    return lab


@pytest.fixture
def ids(lab: Lab, dataset: ZarrDataset) -> dict[str, str]:
    """Import the folder, and return the images by their paths."""
    return dict(import_folder(lab.root, dataset).added)


def places(dataset: ZarrDataset) -> dict[str, str]:
    return {image_id: source.place for image_id, source in KnownImages(dataset).sources.items()}


def source(dataset: ZarrDataset, image_id: str) -> dict[str, Any]:
    found = dataset.record(image_id).load_metadata_payload()["source"]
    assert isinstance(found, dict)
    return found


def check_settled(lab: Lab, dataset: ZarrDataset, n_images: int) -> None:
    """See that there is nothing left to do, and nothing twice."""
    again = import_folder(lab.root, dataset, changed=True)
    assert (len(again.skipped), again.added, again.moved, again.updated) == (n_images, [], [], [])
    assert len(dataset.list_image_ids()) == n_images


def test_a_renamed_folder_holds_the_same_images(lab: Lab, dataset: ZarrDataset, ids) -> None:
    old = lab.root / "AngII"
    old.rename(lab.root / "AngII_28d")
    report = import_folder(lab.root, dataset)
    assert report.moved == [
        Moved("AngII_28d/a.tif", ids["AngII/a.tif"], f"{old}/a.tif"),
        Moved("AngII_28d/b.tif", ids["AngII/b.tif"], f"{old}/b.tif"),
    ]
    assert (report.added, report.changed, report.failed) == ([], [], [])
    found = source(dataset, ids["AngII/a.tif"])
    assert (found["path"], found["folders"]) == ("AngII_28d/a.tif", ["AngII_28d"])
    assert found["history"] == [{"root": str(lab.root), "path": "AngII/a.tif"}]
    assert [file["path"] for file in found["files"]] == [
        "AngII_28d/a.tif",
        "AngII_28d/a.json",
        "AngII_28d/flow-analysis/a_radon.csv",
        "AngII_28d/flow-analysis/a_events.json",
    ]
    check_settled(lab, dataset, 2)
    (lab.root / "AngII_28d").rename(old)
    assert len(import_folder(lab.root, dataset).moved) == 2
    assert source(dataset, ids["AngII/a.tif"])["history"] == [
        {"root": str(lab.root), "path": "AngII_28d/a.tif"}
    ]
    check_settled(lab, dataset, 2)


def test_tables_follow_a_renamed_folder(lab: Lab, dataset: ZarrDataset, ids) -> None:
    kym = KymDataset(dataset)
    kym.update_index(ImageIndexer())
    (lab.root / "AngII").rename(lab.root / "control")
    import_folder(lab.root, dataset)
    kym.update_index(ImageIndexer(), mode="incremental")
    rows = kym.sql("SELECT root, source_path, folder_1 FROM kym_images ORDER BY ALL").rows()
    assert rows == [(str(lab.root), f"control/{name}.tif", "control") for name in "ab"]


def test_a_whole_folder_moved_elsewhere_is_the_same(
    lab: Lab, dataset: ZarrDataset, ids, tmp_path: Path
) -> None:
    lab.root = lab.root.rename(tmp_path / "archive")
    assert len(import_folder(lab.root, dataset).moved) == 2
    assert set(places(dataset).values()) == {f"{lab.root}/AngII/{name}.tif" for name in "ab"}
    check_settled(lab, dataset, 2)


@pytest.mark.parametrize("changed", [False, True])
def test_a_renamed_tiff_is_the_same_image(
    lab: Lab, dataset: ZarrDataset, ids, changed: bool
) -> None:
    folder = lab.root / "AngII"
    for path in [*folder.glob("a.*"), *folder.glob("flow-analysis/a_*")]:
        path.rename(path.with_name(path.name.replace("a", "vessel7", 1)))
    report = import_folder(lab.root, dataset, changed=changed)
    assert [(each.path, each.image_id) for each in report.moved] == [
        ("AngII/vessel7.tif", ids["AngII/a.tif"])
    ]
    assert (report.changed, report.updated, report.added) == ([], [], [])
    check_settled(lab, dataset, 2)


def test_a_tiff_renamed_without_its_companions_counts_as_changed(
    lab: Lab, dataset: ZarrDataset, ids
) -> None:
    rec = dataset.record(ids["AngII/a.tif"])
    metadata = rec.load_metadata_payload()
    metadata["experiment_metadata"]["note"] = "mine"
    rec.save_metadata_payload(metadata)
    (lab.root / "AngII" / "a.tif").rename(lab.root / "AngII" / "c.tif")
    report = import_folder(lab.root, dataset)
    assert (len(report.moved), report.changed) == (1, ["AngII/c.tif"])
    assert import_folder(lab.root, dataset).changed == ["AngII/c.tif"]
    report = import_folder(lab.root, dataset, changed=True)
    assert report.updated == [("AngII/c.tif", rec.image_id)]
    assert [each.clash.field for each in report.conflicts] == ["experiment_metadata.note"]
    assert rec.load_metadata_payload()["experiment_metadata"] == {"note": "mine"}
    check_settled(lab, dataset, 2)


def test_what_changed_in_an_image_that_moved_is_told_and_merged(
    lab: Lab, dataset: ZarrDataset, ids
) -> None:
    (lab.root / "AngII").rename(lab.root / "control")
    lab.sidecar("control/a", condition="corrected")
    report = import_folder(lab.root, dataset)
    assert (len(report.moved), report.changed) == (2, ["control/a.tif"])
    report = import_folder(lab.root, dataset, changed=True)
    assert (report.moved, report.updated) == ([], [("control/a.tif", ids["AngII/a.tif"])])
    (lab.root / "control").rename(lab.root / "AngII")
    lab.events("AngII/a", EVENT)
    report = import_folder(lab.root, dataset, changed=True)
    assert (len(report.moved), report.updated) == (2, [("AngII/a.tif", ids["AngII/a.tif"])])
    rec = dataset.record(ids["AngII/a.tif"])
    assert rec.load_df_parquet("velocity_events/events").height == 1
    assert rec.load_metadata_payload()["source"]["history"][0]["path"] == "control/a.tif"
    check_settled(lab, dataset, 2)


def test_a_folder_within_or_around_is_known(lab: Lab, dataset: ZarrDataset, ids) -> None:
    report = import_folder(lab.root / "AngII", dataset)
    assert (report.skipped, report.moved) == (["a.tif", "b.tif"], [])
    assert set(places(dataset).values()) == {f"{lab.root}/AngII/{name}.tif" for name in "ab"}
    lab.sidecar("AngII/a", condition="corrected")
    report = import_folder(lab.root / "AngII", dataset, changed=True)
    assert report.updated == [("a.tif", ids["AngII/a.tif"])]
    assert source(dataset, ids["AngII/a.tif"])["path"] == "AngII/a.tif"
    report = import_folder(lab.root.parent, dataset)
    assert [each.path for each in report.moved] == ["lab/AngII/a.tif", "lab/AngII/b.tif"]
    assert source(dataset, ids["AngII/a.tif"])["folders"] == ["lab", "AngII"]
    check_settled(Lab(lab.root.parent), dataset, 2)
    check_settled(lab, dataset, 2)


def test_two_names_that_were_exchanged(lab: Lab, dataset: ZarrDataset, ids) -> None:
    a, b = lab.root / "AngII" / "a.tif", lab.root / "AngII" / "b.tif"
    a.rename(lab.root / "AngII" / "x")
    b.rename(a)
    (lab.root / "AngII" / "x").rename(b)
    report = import_folder(lab.root, dataset)
    assert {each.path: each.image_id for each in report.moved} == {
        "AngII/a.tif": ids["AngII/b.tif"],
        "AngII/b.tif": ids["AngII/a.tif"],
    }
    assert report.added == []


def test_a_recording_set_aside_and_its_name_used_again(lab: Lab, dataset: ZarrDataset, ids) -> None:
    b = lab.root / "AngII" / "b.tif"
    b.rename(lab.root / "AngII" / "z_first_try.tif")
    lab.tif("AngII/b", 3)
    report = import_folder(lab.root, dataset)
    assert [(each.path, each.image_id) for each in report.moved] == [
        ("AngII/z_first_try.tif", ids["AngII/b.tif"])
    ]
    assert [path for path, _ in report.added] == ["AngII/b.tif"]
    check_settled(lab, dataset, 3)


def test_other_pixels_under_a_known_name_are_told(lab: Lab, dataset: ZarrDataset, ids) -> None:
    path = lab.tif("AngII/b", 3)
    assert import_folder(lab.root, dataset).changed == ["AngII/b.tif"]
    lab.tif("AngII/b", 2)
    then = path.stat()
    assert import_folder(lab.root, dataset).changed == []
    path.write_bytes(lab.tif("other", 4).read_bytes())
    (lab.root / "other.tif").unlink()
    os.utime(path, ns=(then.st_atime_ns, then.st_mtime_ns))  # as tools do that keep times
    assert path.stat().st_size == then.st_size
    assert import_folder(lab.root, dataset).changed == ["AngII/b.tif"]


def test_the_same_pixels_twice_are_told_and_wait_for_a_word(
    lab: Lab, dataset: ZarrDataset, ids
) -> None:
    shutil.copy(lab.root / "AngII" / "a.tif", lab.root / "AngII" / "a_copy.tif")
    lab.tif("AngII/b_packed", 2, compression="zlib")
    report = import_folder(lab.root, dataset)
    assert report.copies == [
        Copy("AngII/a_copy.tif", "AngII/a.tif"),
        Copy("AngII/b_packed.tif", "AngII/b.tif"),
    ]
    assert (report.added, len(report.skipped)) == ([], 2)
    report = import_folder(lab.root, dataset, copies=True)
    assert [path for path, _ in report.added] == ["AngII/a_copy.tif", "AngII/b_packed.tif"]
    check_settled(lab, dataset, 4)
    (lab.root / "AngII").rename(lab.root / "x")  # each copy is still the image it was
    report = import_folder(lab.root, dataset)
    assert sorted((Path(each.was).name, Path(each.path).name) for each in report.moved) == [
        (name, name) for name in ("a.tif", "a_copy.tif", "b.tif", "b_packed.tif")
    ]
    check_settled(lab, dataset, 4)


def test_copies_within_a_new_folder_come_in_once(tmp_path: Path, dataset: ZarrDataset) -> None:
    lab = Lab(tmp_path / "new")
    for name in ("c", "a", "b"):
        lab.tif(name, 1)
    report = import_folder(lab.root, dataset)
    assert [path for path, _ in report.added] == ["a.tif"]
    assert report.copies == [Copy("b.tif", "a.tif"), Copy("c.tif", "a.tif")]


def test_a_known_file_overwritten_by_another_known_one(lab: Lab, dataset: ZarrDataset, ids) -> None:
    shutil.copy(lab.root / "AngII" / "a.tif", lab.root / "AngII" / "b.tif")
    before = dataset.record(ids["AngII/b.tif"]).load_array()
    report = import_folder(lab.root, dataset, changed=True)
    assert report.copies == [Copy("AngII/b.tif", "AngII/a.tif")]
    assert (dataset.record(ids["AngII/b.tif"]).load_array() == before).all()


def test_a_backup_is_a_copy_and_a_second_way_to_a_file_is_not(
    lab: Lab, dataset: ZarrDataset, ids, tmp_path: Path
) -> None:
    backup = tmp_path / "backup"
    shutil.copytree(lab.root, backup)
    report = import_folder(backup, dataset)
    assert report.copies[0] == Copy("AngII/a.tif", f"{lab.root}/AngII/a.tif")
    assert (len(report.copies), report.moved, report.added) == (2, [], [])
    mount = tmp_path / "mount"  # of the same files
    (mount / "AngII").mkdir(parents=True)
    for name in ("a.tif", "b.tif"):
        os.link(lab.root / "AngII" / name, mount / "AngII" / name)
    report = import_folder(mount, dataset)
    assert (len(report.skipped), report.copies, report.moved) == (2, [], [])


def test_roots_of_one_name_stay_apart(lab: Lab, dataset: ZarrDataset, tmp_path: Path, ids) -> None:
    other = Lab(tmp_path / "elsewhere" / "lab")
    other.tif("AngII/a", 8)
    assert len(import_folder(other.root, dataset).added) == 1
    kym = KymDataset(dataset)
    kym.update_index(ImageIndexer())
    query = "SELECT root FROM kym_images WHERE source_path = 'AngII/a.tif' ORDER BY root"
    assert kym.sql(query).rows() == [(str(other.root),), (str(lab.root),)]


# Images of before


def make_older(dataset: ZarrDataset, *, without_source: bool) -> None:
    """Make of the images what an earlier version, or another tool, left behind."""
    for rec in dataset.iter_records():
        metadata = rec.load_metadata_payload()
        shutil.rmtree(rec.path / "analysis" / "import")
        if without_source:
            del metadata["source"]
        else:
            del metadata["source"]["pixels_sha256"], metadata["source"]["base"]
        rec.save_metadata_payload(metadata)


@pytest.mark.parametrize("without_source", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_an_older_image_is_known_by_the_pixels_it_holds(
    lab: Lab, dataset: ZarrDataset, ids, without_source: bool, packed: bool
) -> None:
    make_older(dataset, without_source=without_source)
    (lab.root / "AngII").rename(lab.root / "control")
    if packed:
        lab.tif("control/a", 1, compression="zlib")
        lab.tif("control/b", 2, description="other tags")
    report = import_folder(lab.root, dataset)
    assert {each.path: each.image_id for each in report.moved} == {
        "control/a.tif": ids["AngII/a.tif"],
        "control/b.tif": ids["AngII/b.tif"],
    }
    assert report.added == []
    import_folder(lab.root, dataset, changed=True)
    check_settled(lab, dataset, 2)


def test_pixels_are_hashed_once(
    lab: Lab, dataset: ZarrDataset, ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_older(dataset, without_source=True)
    lab.tif("new", 9)
    shutil.rmtree(lab.root / "AngII")
    assert len(import_folder(lab.root, dataset).added) == 1
    load = type(dataset.record("x")).load_array
    monkeypatch.setattr(type(dataset.record("x")), "load_array", lambda rec: pytest.fail("read"))
    lab.tif("newer", 10)
    assert len(import_folder(lab.root, dataset).added) == 1
    monkeypatch.setattr(type(dataset.record("x")), "load_array", load)
    rec = dataset.record(ids["AngII/a.tif"])
    rec.save_array(dataset.record(ids["AngII/b.tif"]).load_array())
    lab.tif("b", 2)
    assert len(import_folder(lab.root, dataset).moved) == 1


def test_an_image_whose_metadata_is_damaged_is_not_imported_twice(
    lab: Lab, dataset: ZarrDataset, ids
) -> None:
    path = dataset.record(ids["AngII/b.tif"]).artifact_path("metadata", ".json")
    path.write_text("{")
    report = import_folder(lab.root, dataset)
    assert (report.added, [path for path, _ in report.failed]) == ([], ["AngII/b.tif"])
    assert path.read_text() == "{"


# What is read


def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list that the names of files which are hashed go into."""
    hashed: list[str] = []

    def read_hash(path: Path) -> str:
        hashed.append(path.name)
        return signature.read_hash(path)

    monkeypatch.setattr(seen, "read_hash", read_hash)
    return hashed


@pytest.fixture
def _at_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all files be at rest, as they are a few seconds after they were written."""
    monkeypatch.setattr(signature, "AT_REST_S", -60.0)


@pytest.mark.usefixtures("_at_rest")
def test_files_that_look_the_same_are_not_read(
    lab: Lab, dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(lab.root, dataset)
    hashed = reads(monkeypatch)
    assert len(import_folder(lab.root, dataset).skipped) == 2
    assert hashed == []


@pytest.mark.usefixtures("_at_rest")
def test_files_that_only_look_otherwise_are_read_once(
    lab: Lab, dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(lab.root, dataset)
    metadata = [rec.artifact_path("metadata", ".json") for rec in dataset.iter_records()]
    before = [path.read_bytes() for path in metadata]
    hashed = reads(monkeypatch)
    for path in lab.root.rglob("*"):
        os.utime(path, (1, 1))
    assert len(import_folder(lab.root, dataset).skipped) == 2
    assert len(hashed) == 5
    assert len(import_folder(lab.root, dataset).skipped) == 2
    assert len(hashed) == 5
    assert [path.read_bytes() for path in metadata] == before  # rows of tables stay fresh
    shutil.rmtree(dataset.path / "index")
    assert len(import_folder(lab.root, dataset).skipped) == 2
    (dataset.path / "index" / "import.files.parquet").write_bytes(b"damaged")
    assert len(import_folder(lab.root, dataset).skipped) == 2


def test_files_written_just_now_are_read_again(
    lab: Lab, dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(lab.root, dataset)
    hashed = reads(monkeypatch)
    assert len(import_folder(lab.root, dataset).skipped) == 2
    assert len(hashed) == 5


def test_an_older_record_without_times_of_change_is_believed(
    lab: Lab, dataset: ZarrDataset, ids, monkeypatch: pytest.MonkeyPatch
) -> None:
    for rec in dataset.iter_records():
        metadata = rec.load_metadata_payload()
        for file in metadata["source"]["files"]:
            del file["ctime_ns"]
        rec.save_metadata_payload(metadata)
    hashed = reads(monkeypatch)
    assert len(import_folder(lab.root, dataset).skipped) == 2
    assert hashed == []


def test_a_file_that_grows_while_it_is_read_is_not_imported(
    lab: Lab, dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kymflow.core.lab_folder import contents

    read_trace = contents.read_trace

    def read_and_grow(path: Path) -> object:
        trace = read_trace(path)
        with path.open("a") as stream:
            stream.write("1,20.1,1.0\n")
        return trace

    monkeypatch.setattr(contents, "read_trace", read_and_grow)
    report = import_folder(lab.root, dataset)
    assert [path for path, _ in report.added] == ["AngII/b.tif"]
    assert "changed while it was read" in report.failed[0][1]


@pytest.mark.long
def test_worker_processes_recognise_alike(lab: Lab, dataset: ZarrDataset, ids) -> None:
    (lab.root / "AngII").rename(lab.root / "control")
    lab.tif("new", 5)
    lab.tif("twice", 5)
    lab.sidecar("control/a", condition="corrected")
    report = import_folder(lab.root, dataset, changed=True, workers=2)
    assert summary(report) == (["new.tif"], 2, ["control/a.tif"], [Copy("twice.tif", "new.tif")])


def summary(report: ImportReport) -> tuple[list[str], int, list[str], list[Copy]]:
    assert report.failed == []
    added, updated = ([path for path, _ in done] for done in (report.added, report.updated))
    return added, len(report.moved), updated, report.copies
