"""Events written as the lab's files: nothing changes on the way there and back."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from kymflow.core.errors import ReviewError
from kymflow.core.lab_folder import import_folder
from kymflow.core.review.lab_export import export_events
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.selection import find_events
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

UNCOMPARED = ("image_id", "candidate")


def test_untouched_events_give_the_labs_own_file(
    dataset: ZarrDataset, lab_folder: Path, tmp_path: Path
) -> None:
    import_folder(lab_folder, dataset)
    export_events(dataset, tmp_path / "out")
    originals = sorted(lab_folder.rglob("*_events.json"))
    assert originals
    for original in originals:
        written = tmp_path / "out" / original.relative_to(lab_folder)
        assert json.loads(written.read_text()) == json.loads(original.read_text())


@pytest.mark.long
def test_reviewed_events_come_back_as_they_went(
    dataset: ZarrDataset, lab_folder: Path, tmp_path: Path
) -> None:
    import_folder(lab_folder, dataset)
    detect_dataset(dataset, mode="replace")
    reviews = Reviews(dataset, reviewer="ann")
    for image_id in dataset.list_image_ids():
        keys = find_events(dataset, image_ids=[image_id]).keys
        if len(keys) < 4:
            continue
        reviews.label(keys[:1], "true_stall")
        reviews.note(keys[1:2], "µ “quoted”\nsecond line")
        reviews.reject(keys[2:3])
        reviews.edit(keys[3], start=1e-2 / 3)
        reviews.add(image_id, start=0.1, end=0.3)
    folder = tmp_path / "lab"
    shutil.copytree(lab_folder, folder)
    for path in [*folder.rglob("*_events.json"), *folder.rglob("*_kymanalysis.json")]:
        path.unlink()
    assert export_events(dataset, folder)
    again = ZarrDataset(tmp_path / "again.zarr", mode="a")
    import_folder(folder, again)

    def events(of: ZarrDataset) -> dict[str, list[dict[str, object]]]:
        return {
            of.record(image_id).load_metadata_payload()["source"]["path"]: [
                {
                    name: value
                    for name, value in row.items()
                    if name not in ("image_id", "candidate")
                }
                for row in find_events(of, image_ids=[image_id]).frame.to_dicts()
            ]
            for image_id in of.list_image_ids()
        }

    before = events(dataset)
    assert sum(row["edited"] for rows in before.values() for row in rows) > 0
    assert events(again) == before


def test_files_that_are_there_are_not_replaced_unasked(
    dataset: ZarrDataset, lab_folder: Path, tmp_path: Path
) -> None:
    import_folder(lab_folder, dataset)
    [first, *_] = export_events(dataset, tmp_path)
    first.write_text("mine")
    with pytest.raises(ReviewError, match="is there already"):
        export_events(dataset, tmp_path)
    assert first.read_text() == "mine"
    export_events(dataset, tmp_path, replace=True)
    assert first.read_text() != "mine"
