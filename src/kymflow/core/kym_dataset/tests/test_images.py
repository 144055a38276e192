from __future__ import annotations

from typing import Any

import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow_zarr import ZarrDataset


@pytest.fixture
def row_of(dataset: ZarrDataset, add_image):
    """Return a function that indexes images with these experiment fields; it returns their rows."""

    def row_of(*experiments: dict[str, Any]) -> list[dict[str, Any]]:
        for number, experiment in enumerate(experiments):
            record = add_image(f"{number:03}")
            record.save_metadata_payload({"experiment_metadata": experiment})
        KymDataset(dataset).update_index(ImageIndexer())
        rows = KymDataset(dataset).sql("FROM kym_images ORDER BY image_id")
        return list(rows.iter_rows(named=True))

    return row_of


LARGE = 2**53 + 1
DEPTHS = [
    *((100, 100.0), ("100", 100.0), (99.5, 99.5), ("99,5", 99.5), ("1e2", 100.0)),
    *(("100 µm", 100.0), ("0.1 mm", 100.0), ("100000nm", 100.0)),
    *((text, None) for text in ("1_20", "nan", "inf", "007", "deep", "", "１００", "1,284", "5 s")),
    *((value, None) for value in (None, True, [100], {"um": 100})),
]
ORDERS = [
    *((2, 2), ("2", 2), (2.0, 2), ("-1", -1), (LARGE, LARGE), (str(LARGE), LARGE)),
    *((text, None) for text in ("1_2", "nan", "2.5", "007", "", "two", "1e400")),
    *((value, None) for value in (None, True, 2.5, 2**63, [2])),
]


@pytest.mark.long
@pytest.mark.parametrize(("field", "values"), [("depth", DEPTHS), ("branch_order", ORDERS)])
def test_depths_and_branch_orders_are_numbers_or_null(row_of, field: str, values) -> None:
    rows = row_of(*({field: given} for given, _ in values))
    assert [row[field] for row in rows] == [number for _, number in values]


def test_ids_stay_texts(row_of) -> None:
    fields = {"mouse": "007", "cage": "1e5", "run": "nan", "plate": 9007199254740993, "slot": "1_2"}
    [row] = row_of(fields)
    assert {name: row[name] for name in fields} == {**fields, "plate": "9007199254740993"}


@pytest.mark.wide
@pytest.mark.parametrize(
    ("experiment", "columns"),
    [
        (
            {"Condition": "A", "condition ": "C", "condition": "B"},
            {"condition": "B", "condition_2": "A", "condition_3": "C"},
        ),
        ({"Condition": "A"}, {"condition": "A"}),
        ({"Condition": "A", "condition": ""}, {"condition": "A", "condition_2": None}),
        ({"mouse": 1, "Mouse": 2, "MOUSE": 3}, {"mouse": "1", "mouse_2": "3", "mouse_3": "2"}),
        (
            {"mouse": 1, "Mouse": 2, "mouse_2": 3},
            {"mouse": "1", "mouse_3": "2", "mouse_2": "3"},
        ),
        ({"depth": 10, "Depth": "20"}, {"depth": 10.0, "depth_2": "20"}),
        ({"\u00a0mouse": 1, "mouse\t": 2}, {"mouse": "2", "mouse_2": "1"}),
        (
            {"shape": "x", "Shape": "y", "experiment_shape": "z"},
            {"experiment_shape": "z", "experiment_shape_2": "y", "experiment_shape_3": "x"},
        ),
        ({"": 1, " ": 2}, {}),
    ],
)
def test_fields_that_differ_by_case_or_blanks_have_a_column_each(
    row_of, experiment: dict[str, Any], columns: dict[str, Any]
) -> None:
    [row] = row_of(experiment)
    assert {name: row[name] for name in columns} == columns
    kept = [value for value in row.values() if isinstance(value, str)]
    for value in (str(value) for name, value in experiment.items() if name.strip() and value):
        assert value in kept or float(value) in row.values()


def test_images_with_and_without_such_fields_go_together(row_of) -> None:
    rows = row_of({"Mouse": "a", "mouse": "b"}, {"mouse": "c"}, {"MOUSE": "d"}, {})
    assert [row["mouse"] for row in rows] == ["b", "c", "d", None]
    assert [row["mouse_2"] for row in rows] == ["a", None, None, None]
