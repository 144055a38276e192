"""Names and paths that are long, strange, or alike."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.integrity.check import check
from kymflow_zarr import DatasetError, InvalidNameError, UsageError, ZarrDataset
from kymflow_zarr.store.files import write_atomic

Fill = Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]
EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"


def keep(dataset: ZarrDataset, fill: Fill, ids: Mapping[str, int]) -> None:
    """Build a table, change it, and check that each image has its rows."""
    kym = KymDataset(fill(dataset, ids))
    assert kym.update_index(EVENTS).updated == len(ids)
    fill(dataset, {"late": 2})
    assert kym.update_index(EVENTS, mode="incremental").updated == 1
    counted = kym.sql(f"SELECT image_id, count(*) AS n FROM {TABLE} GROUP BY ALL")
    assert dict(counted.iter_rows()) == {**ids, "late": 2}
    kym.dataset.delete_image("late")
    assert kym.update_index(EVENTS, mode="incremental").pruned == 1
    assert check(dataset, repair=True).is_empty()


FOLDERS = {
    "line break": "a\nb",
    "control": "a\tb\x1b[31m\x7f",
    "pattern": "*?[!a]{b,c}**",
    "quotes": "a'b\"c`d;--",
    "percent": "%20%s%(x)s{0}{x}",
    "spaces": "  a  b  ",
    "dash": "-rf",
    "variable": "$HOME~",
    "scheme": "s3:",
    "not composed": "a\u0308\u200f\u202eb",
    "emoji": "🩸" * 60,
    "backslash": "a\\b",
}


BRIEFLY = ("line break", "pattern", "emoji")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in BRIEFLY else [pytest.mark.long]) for name in FOLDERS],
)
def test_a_folder_may_be_called_anything(tmp_path: Path, fill: Fill, name: str) -> None:
    keep(ZarrDataset(tmp_path / FOLDERS[name] / "d.zarr", mode="a"), fill, {"a": 1, "b": 3})


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rename the folder"):
        ZarrDataset(tmp_path / os.fsdecode(b"a\xffb") / "d.zarr", mode="a")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["x" * 255, "🩸" * 63])
def test_any_file_that_may_be_is_written_at_once(tmp_path: Path, name: str) -> None:
    for _ in range(2):
        write_atomic(tmp_path / name, b"data")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.long
def test_ids_may_be_strange_long_or_differ_by_case(dataset: ZarrDataset, fill: Fill) -> None:
    strange = ["a b", "%41", "a*", "a?", "[a]", "'", '"', "$a", "a;--", "ä", "a\u0308", "{}", "🩸"]
    long = ["x" * 200, "x" * 199 + "y", "ä" * 100, "🩸" * 50]
    alike = ["Aa", "aA", "AA", "aa"]
    ids = {name: n % 4 + 1 for n, name in enumerate([*strange, *long, *alike])}
    keep(dataset, fill, ids)


@pytest.mark.parametrize("name", ["x" * 201, "x" * 255, "🩸" * 51, "a\nb", "a/b", "..", ""])
def test_ids_that_no_system_bears_are_refused(dataset: ZarrDataset, name: str) -> None:
    with pytest.raises(InvalidNameError):
        dataset.add_image([[0]], image_id=name)


def deep(root: Path, length: int) -> Path:
    """Return a path of so many bytes below a folder."""
    path = root
    while (left := length - len(os.fsencode(path)) - 1) > 0:
        path /= "d" * min(left, 200 if left != 201 else 199)
    return path


@pytest.mark.long
def test_a_path_may_be_nearly_as_long_as_the_system_bears(tmp_path: Path, fill: Fill) -> None:
    path = deep(tmp_path, 3_700)
    assert len(os.fsencode(path)) == 3_700
    keep(ZarrDataset(path, mode="a"), fill, {"a": 1, "x" * 200: 3})


@pytest.mark.parametrize("length", [4_000, 4_090, 5_000])
def test_a_path_that_is_too_long_is_an_error(tmp_path: Path, fill: Fill, length: int) -> None:
    with pytest.raises(DatasetError, match="File name too long"):
        keep(ZarrDataset(deep(tmp_path, length), mode="a"), fill, {"a": 1, "x" * 200: 3})
