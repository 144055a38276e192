"""What a notebook shows, and what a dataset is to Python's own verbs."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import kymflow
from kymflow.core.kym_dataset import ImageIndexer
from kymflow_zarr import DatasetNotFoundError, ImageNotFoundError, ReadOnlyError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "<script>lab.zarr"
    lab = kymflow.open(path, mode="a")
    assert len(lab) == 0
    assert lab.dataset
    for image_id in ("b", "a"):
        lab.dataset.add_image(np.zeros((4, 4), np.uint8), image_id=image_id)
    return path


def test_a_dataset_is_opened_for_reading_unless_told_otherwise(path: Path, tmp_path: Path) -> None:
    lab = kymflow.open(path)
    with pytest.raises(ReadOnlyError):
        lab.update_index(ImageIndexer())
    with pytest.raises(DatasetNotFoundError):
        kymflow.open(tmp_path / "typo.zarr")
    assert sorted(tmp_path.iterdir()) == [path]


def test_images_are_counted_listed_and_picked(path: Path) -> None:
    lab = kymflow.open(path)
    assert len(lab) == len(lab.dataset) == 2
    assert [record.image_id for record in lab] == ["a", "b"]
    assert "a" in lab
    assert "c" not in lab
    assert 1 not in lab
    assert lab["a"].image_id == "a"
    with pytest.raises(ImageNotFoundError):
        lab["c"]


class Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def shown(lab: object) -> Texts:
    texts = Texts()
    texts.feed(lab._repr_html_())  # type: ignore[attr-defined]
    return texts


def test_what_a_notebook_shows(path: Path) -> None:
    lab = kymflow.open(path, mode="a")
    assert repr(lab) == f"<KymDataset {str(path)!r}: 2 images; tables: none yet>"
    assert any("No tables yet" in text for text in shown(lab).texts)
    lab.update_index(ImageIndexer())
    lab.dataset.save_table("mine", pl.DataFrame({"a": [1, 2, 3]}))
    lab.dataset.delete_image("b")
    assert repr(lab) == f"<KymDataset {str(path)!r}: 1 image; tables: kym_images, mine>"
    texts = shown(lab)
    assert "script" not in texts.tags
    assert str(path) in texts.texts
    assert {"kym_images", "mine", "stale"} <= {text.strip('"') for text in texts.texts}


@pytest.mark.long
def test_the_example_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xarray")
    pytest.importorskip("vl_convert")
    notebook = json.loads((ROOT / "examples" / "first-look.ipynb").read_text())
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] for cell in code)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for cell in code:
        exec(cell["source"], names)
    rates = dict(names["rates"].select("group", "events_per_roi_min").iter_rows())
    assert rates["AngII"] > rates["baseline"]
    assert names["gaps"].frame.height == 1
    assert Path("rate.png").stat().st_size > 1000
