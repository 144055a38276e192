"""Nothing that a dataset or a caller names reaches beyond the dataset, or into SQL."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow_zarr import UsageError, ZarrDataset

Fill = Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]
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
        kym = KymDataset(fill(ZarrDataset(tmp_path / "key=1" / name / "d.zarr"), {name[:2]: 2}))
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
    dataset = fill(ZarrDataset(tmp_path / "back\\slash[1]" / "d.zarr"), {"a": 1})
    with pytest.raises(UsageError, match="rename a folder"):
        KymDataset(dataset).update_index(EVENTS)


@pytest.mark.parametrize(
    "names",
    [
        ['"', "'", '"; DROP TABLE old; --', "a\nb", "{0}", "{kept}", "%s", "$table", "?"],
        ["filename", "file_index", "rowid", "old", "new", "replaced", "select", "old.image_id"],
        ["image_id ", " ", "x" * 10_000, "\u202e", "\x1b[31m", "<b>", "__index_level_0__"],
    ],
)
def test_any_other_column_name_is_kept(dataset: ZarrDataset, names: list[str]) -> None:
    frame = pl.DataFrame({name: [1, 2] for name in names})
    for image_id in ("x", "y", "x"):
        dataset.replace_rows_for_image_id("t", image_id, frame)
    assert dataset.load_table("t").select(names).equals(pl.concat([frame, frame]))


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
