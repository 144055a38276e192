from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.rois import read_rois

SHAPE = (20, 4)
BOX = {"x0": 1, "x1": 4, "y0": 0, "y1": 20}


def read(*rois: Any) -> tuple[list[dict[str, Any]], list[str]]:
    notes: list[str] = []
    return read_rois(list(rois), SHAPE, Path("a.json"), notes), notes


@pytest.mark.parametrize(
    "roi",
    [
        {"roi_id": 1, "data": BOX},
        {"id": 1, "dim0_start": 0, "dim0_stop": 20, "dim1_start": 1, "dim1_stop": 4},
        {"roi_id": "1", "data": BOX},
        {"roi_id": 1.0, "data": {corner: float(place) for corner, place in BOX.items()}},
        {"roi_id": None, "id": 1, "data": {corner: str(place) for corner, place in BOX.items()}},
    ],
)
def test_all_forms_become_one(roi: dict[str, Any]) -> None:
    assert read(roi) == ([{"roi_id": 1, **BOX}], [])


def test_a_null_hides_no_corner() -> None:
    older = {"dim0_start": 0, "dim0_stop": 20, "dim1_start": 1, "dim1_stop": 4}
    data = {"x0": None, "x1": 4}
    assert read({"roi_id": 1, "data": data, **older}) == ([{"roi_id": 1, **BOX}], [])


def test_further_keys_are_kept() -> None:
    [roi], _ = read({"id": 7, "channel": 2, "name": "007", "data": BOX})
    assert roi == {"roi_id": 7, "channel": 2, "name": "007", **BOX}


@pytest.mark.parametrize("roi_id", [1.5, "1_2", "one", "007", "nan", True, [1]])
def test_ids_are_whole_numbers(roi_id: object) -> None:
    with pytest.raises(SourceFileError, match="not a whole number"):
        read({"roi_id": roi_id})


def test_two_of_one_id_are_refused() -> None:
    with pytest.raises(SourceFileError, match="ROI 2 is there twice"):
        read({"roi_id": 1}, {"roi_id": 2}, {"id": "2"})


@pytest.mark.parametrize(
    "changes",
    [{"x1": 5}, {"y1": 21}, {"x0": -1}, {"x0": 4}, {"y0": 20}, {"x0": 0.5}, {"x1": None}],
)
def test_a_roi_that_is_not_within_the_image_is_said(changes: dict[str, Any]) -> None:
    [roi], [note] = read({"roi_id": 3, "data": {**BOX, **changes}})
    assert roi == {"roi_id": 3, **BOX, **changes}
    assert note.startswith("ROI 3 (")
    assert note.endswith("is not within 20 lines of 4 pixels")


def test_a_roi_without_a_box_is_the_whole_image() -> None:
    assert read({"roi_id": 1})[1] == []
