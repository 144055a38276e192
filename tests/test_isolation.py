"""Nothing that a dataset or a caller names reaches beyond the dataset, or into SQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow_zarr import ReadOnlyError, UsageError, ZarrDataset, ZarrImageRecord

Fill = Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]
AddImage = Callable[..., ZarrImageRecord]
EVENTS = VelocityEventIndexer()


def test_a_line_break_in_a_column_name_does_not_run_as_sql(
    dataset: ZarrDataset, tmp_path: Path
) -> None:
    stolen = tmp_path / "stolen.csv"
    name = f"a\nCOPY (SELECT 1) TO '{stolen}';\n--"
    for image_id in ("x", "y", "x"):
        dataset.replace_rows_for_image_id("t", image_id, pl.DataFrame({name: [1, 2]}))
    assert not stolen.exists()
    assert dataset.load_table("t")[name].to_list() == [1, 2, 1, 2]


STRANGE = ("[a]*?{x}", "50%20 % ä'\"$;#", "image_id=z", "a[1]", "back\\slash")
MATCHED = {"[a]*?{x}": "aax{x}", "a[1]": "a1"}


@pytest.mark.parametrize("folder", STRANGE)
def test_a_dataset_is_read_by_exactly_its_path(tmp_path: Path, folder: str, fill: Fill) -> None:
    """Polars and DuckDB take paths for patterns; siblings that match them are not read."""
    for name in (MATCHED.get(folder, "sibling"), folder):
        kym = KymDataset(
            fill(ZarrDataset(tmp_path / "key=1" / name / "d.zarr", mode="a"), {name[:2]: 2})
        )
        kym.update_index(EVENTS)
    fill(kym.dataset, {"b": 1, "none": 0})
    assert kym.update_index(EVENTS, mode="incremental").rows == 3
    kym.dataset.delete_image("b")
    report = kym.update_index(EVENTS, mode="incremental")
    assert (report.pruned, report.skipped, report.updated) == (1, 2, 0)
    rows = kym.dataset.load_table("kym_velocity_events")
    assert rows["image_id"].to_list() == [folder[:2]] * 2
    assert "key" not in rows.columns


def test_a_path_that_duckdb_cant_spell_is_refused(tmp_path: Path, fill: Fill) -> None:
    dataset = fill(ZarrDataset(tmp_path / "back\\slash[1]" / "d.zarr", mode="a"), {"a": 1})
    with pytest.raises(UsageError, match="rename a folder"):
        KymDataset(dataset).update_index(EVENTS)


@pytest.mark.parametrize(
    "names",
    [
        ['"', "'", '"; DROP TABLE old; --', "a\nb", "{0}", "{kept}", "%s", "$table", "?"],
        ["filename", "file_index", "rowid", "old", "new", "replaced", "select", "old.image_id"],
        ["image_id ", " ", "x" * 10_000, "\u202e", "\x1b[31m", "<b>", "*", "^a$", "^.*$"],
    ],
)
def test_any_other_column_name_is_kept(dataset: ZarrDataset, names: list[str]) -> None:
    frame = pl.DataFrame({name: [n, n + 1] for n, name in enumerate(names)})
    for image_id in ("x", "y", "x"):
        dataset.replace_rows_for_image_id("t", image_id, frame)
    table = dataset.load_table("t").drop("image_id")
    assert table.equals(pl.concat([frame, frame]))


@pytest.mark.parametrize("name", ["", "a\0b", "file_row_number", "File_Row_Number"])
def test_column_names_that_sql_cant_hold_are_refused(dataset: ZarrDataset, name: str) -> None:
    with pytest.raises(UsageError, match="rename"):
        dataset.replace_rows_for_image_id("t", "x", pl.DataFrame({name: [1]}))
    assert dataset.list_table_names() == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_what_can_be_no_name_is_passed_over_with_a_warning(
    dataset: ZarrDataset, fill: Fill, caplog: pytest.LogCaptureFixture
) -> None:
    """One such folder among images or tables would else stop every run."""
    fill(dataset, {"a": 1})
    KymDataset(dataset).update_index(EVENTS)
    for name in (b"\xff", b"a\nb", b"nul", b"x" * 240, b"c:"):
        os.mkdir(os.path.join(os.fsencode(dataset.path), b"images", name))
        shutil.copy(
            dataset.tables.path("kym_velocity_events"),
            os.path.join(os.fsencode(dataset.path), b"tables", name + b".parquet"),
        )
    (dataset.path / "tables" / "folder.parquet").mkdir()
    assert dataset.list_image_ids() == ["a"]
    assert dataset.list_table_names() == ["kym_velocity_events"]
    assert "5 entries" in caplog.text
    assert "rename them" in caplog.text
    assert "\\nb" in caplog.text
    assert KymDataset(dataset).update_index(EVENTS, mode="incremental").skipped == 1
    assert dataset.update_manifest().height == 1


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Return a folder outside the dataset that holds what must not be touched."""
    folder = tmp_path / "elsewhere"
    (folder / "a").mkdir(parents=True)
    for name in ("precious.json", "a/precious.json", "precious.parquet"):
        (folder / name).write_text("{}")
    return folder


def link(dataset: ZarrDataset, place: str, target: Path) -> None:
    path = dataset.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    path.symlink_to(target)


def contents(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text() if path.is_file() else ""
        for path in folder.rglob("*")
    }


PIXELS = np.zeros((2, 2), np.uint8)
WRITES: dict[str, tuple[str, Callable[[ZarrDataset], object]]] = {
    "an image's folder": ("images/a", lambda d: d.record("a").save_json("x", 1)),
    "its pixels": ("images/a", lambda d: d.record("a").save_array(PIXELS)),
    "the array's folder": ("images/a/data", lambda d: d.record("a").save_array(PIXELS)),
    "its artifacts": ("images/a/analysis", lambda d: d.record("a").save_json("precious", 1)),
    "a frame artifact": (
        "images/a/analysis",
        lambda d: d.record("a").save_df_parquet("precious", pl.DataFrame({"n": [1]})),
    ),
    "artifacts to delete": ("images/a/analysis", lambda d: d.record("a").delete_analysis()),
    "a folder of artifacts": ("images/a/analysis/f", lambda d: d.record("a").save_json("f/x", 1)),
    "an array artifact": (
        "images/a/analysis_arrays/x",
        lambda d: d.record("a").save_array_artifact("x", PIXELS),
    ),
    "all images, adding": ("images", lambda d: d.add_image(PIXELS)),
    "all images, deleting": ("images", lambda d: d.delete_image("a")),
    "swapped images": ("images/.swapped", lambda d: ZarrDataset(d.path, mode="a")),
    "tables, saving": ("tables", lambda d: d.save_table("precious", pl.DataFrame({"n": [1]}))),
    "tables, deleting": ("tables", lambda d: d.delete_table("precious")),
    "tables, indexing": ("tables", lambda d: KymDataset(d).update_index(EVENTS)),
    "the index": ("index", lambda d: KymDataset(d).update_index(EVENTS)),
    "the manifest": ("index", lambda d: d.update_manifest()),
    "staging": ("index/staging", lambda d: KymDataset(d).update_index(EVENTS)),
    "locks": ("index/locks", lambda d: d.save_table("t", pl.DataFrame({"n": [1]}))),
}


@pytest.mark.parametrize("case", WRITES)
def test_nothing_is_written_or_deleted_behind_a_link_out_of_the_dataset(
    dataset: ZarrDataset, add_image: AddImage, elsewhere: Path, case: str
) -> None:
    add_image("a")
    place, write = WRITES[case]
    link(dataset, place, elsewhere)
    before = contents(elsewhere)
    with pytest.raises(ReadOnlyError, match="link out of the dataset"):
        write(dataset)
    assert contents(elsewhere) == before


def test_a_link_itself_is_replaced_or_deleted_never_followed(
    dataset: ZarrDataset, add_image: AddImage, elsewhere: Path
) -> None:
    record = add_image("a")
    before = contents(elsewhere)
    link(dataset, "images/a/analysis/x.json", elsewhere / "precious.json")
    link(dataset, "images/linked", elsewhere)
    link(dataset, "images/a/analysis/f", elsewhere)
    link(dataset, "tables/t.parquet", elsewhere / "precious.parquet")
    assert dataset.list_image_ids() == ["a", "linked"]
    record.save_json("x", 2)
    assert record.load_json("x") == 2
    dataset.save_table("t", pl.DataFrame({"n": [1]}))
    link(dataset, "tables/t.parquet", elsewhere / "precious.parquet")
    dataset.delete_table("t")
    record.delete_analysis()
    dataset.delete_image("linked")
    dataset.delete_image("a")
    assert dataset.list_image_ids() == []
    assert list((dataset.path / "images").glob(".*")) == []
    link(dataset, "images/linked", elsewhere)
    link(dataset, "loose", elsewhere)
    ZarrDataset(dataset.path, mode="w")
    assert contents(elsewhere) == before


def test_links_are_read_through(
    dataset: ZarrDataset, add_image: AddImage, tmp_path: Path, fill: Fill
) -> None:
    """A lab may keep an image, its artifacts or a table on another disk."""
    other = fill(ZarrDataset(tmp_path / "other.zarr", mode="a"), {"far": 2, "kept": 1})
    add_image("near", 1)
    link(dataset, "images/far", other.record("far").path)
    link(dataset, "images/near/analysis", other.record("kept").path / "analysis")
    report = KymDataset(dataset).update_index(EVENTS)
    assert (report.updated, report.rows) == (2, 3)
    table = dataset.tables.path("kym_velocity_events")
    moved = tmp_path / "moved.parquet"
    table.rename(moved)
    table.symlink_to(moved)
    bytes_before = moved.read_bytes()
    assert KymDataset(dataset).update_index(EVENTS, mode="incremental").skipped == 2
    dataset.record("near").path.joinpath("analysis").unlink()
    assert KymDataset(dataset).update_index(EVENTS, mode="incremental").rows == 2
    assert moved.read_bytes() == bytes_before
    assert not table.is_symlink()


def test_a_dataset_may_itself_be_reached_by_a_link(
    dataset: ZarrDataset, add_image: AddImage, tmp_path: Path
) -> None:
    add_image("a", 2)
    (tmp_path / "short").symlink_to(dataset.path)
    linked = ZarrDataset(tmp_path / "short", mode="a")
    assert KymDataset(linked).update_index(EVENTS).rows == 2
    linked.delete_image("a")
    assert ZarrDataset(tmp_path / "short", mode="w").list_image_ids() == []
    assert dataset.path.is_dir()


def test_a_dead_runs_folder_that_is_a_link_is_passed_over(
    dataset: ZarrDataset, add_image: AddImage, elsewhere: Path
) -> None:
    add_image("a")
    before = contents(elsewhere)
    link(dataset, "index/staging/kym_velocity_events/dead", elsewhere)
    link(dataset, "index/locks/kym_velocity_events.lock", elsewhere / "precious.json")
    with pytest.raises(OSError, match=r"kym_velocity_events\.lock"):
        KymDataset(dataset).update_index(EVENTS)
    (dataset.path / "index/locks/kym_velocity_events.lock").unlink()
    KymDataset(dataset).update_index(EVENTS)
    assert contents(elsewhere) == before
