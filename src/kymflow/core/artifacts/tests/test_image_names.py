"""An image is found by whatever a person calls it, and by nothing that means two."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.core.artifacts.image_names import find_image, telling_length
from kymflow.core.kym_dataset import ImageIndexer, KymDataset
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import ImageNotFoundError, UsageError

FILES = {
    "aa-1": "day 1/cap1.tif",
    "aa-2": "day 1/cap2.tif",
    "bb-1": "day 2/cap1.tif",
    "cc-1": "aa/µ cap.ome.tif",
    "dd-1": None,
    "cap9-of-another": "day 3/x.tif",
    "ee-1": "day 3/cap9.tif",
}


@pytest.fixture(params=["with a table", "without", "with an old table"])
def lab(dataset: ZarrDataset, request: pytest.FixtureRequest) -> ZarrDataset:
    if request.param == "with an old table":
        gone = dataset.add_image(np.zeros((2, 2), np.uint8), image_id="gone")
        gone.save_metadata_payload({"source": {"path": "gone.tif"}})
        KymDataset(dataset).update_index(ImageIndexer())
        dataset.delete_image("gone")
    for image_id, path in FILES.items():
        record = dataset.add_image(np.zeros((2, 2), np.uint8), image_id=image_id)
        if path is not None:
            record.save_metadata_payload({"source": {"path": path}})
    if request.param == "with a table":
        KymDataset(dataset).update_index(ImageIndexer())
    return dataset


@pytest.mark.wide
@pytest.mark.parametrize(
    ("text", "image_id"),
    [
        ("aa-1", "aa-1"),
        ("bb", "bb-1"),
        ("d", "dd-1"),
        ("cap2", "aa-2"),
        ("cap9", "ee-1"),
        ("cap9-", "cap9-of-another"),
        ("cap2.tif", "aa-2"),
        ("day 2/cap1.tif", "bb-1"),
        ("day 2/cap1", "bb-1"),
        ("µ cap.ome.tif", "cc-1"),
    ],
)
def test_an_image_is_found(lab: ZarrDataset, text: str, image_id: str) -> None:
    assert find_image(lab, text) == image_id
    if not image_id.startswith(text) or text == image_id:
        assert KymDataset(lab)[text].image_id == image_id
        return
    with pytest.raises(ImageNotFoundError):  # a script's image that is gone is no other one
        KymDataset(lab)[text]


@pytest.mark.wide
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("aa", "names 2 images: aa-1 (day 1/cap1.tif), aa-2 (day 1/cap2.tif)"),
        ("cap1", "names 2 images: aa-1 (day 1/cap1.tif), bb-1 (day 2/cap1.tif)"),
        ("", "no image has this id"),
        ("gone", "no image has this id"),
        ("../aa-1", "no image has this id"),
        ("cap1.tiff", "no image has this id"),
    ],
)
def test_what_names_none_or_several_is_said(lab: ZarrDataset, text: str, told: str) -> None:
    with pytest.raises((UsageError, ImageNotFoundError)) as error:
        find_image(lab, text)
    assert told in str(error.value)


@given(ids=st.lists(st.text("ab", min_size=1, max_size=14)))
def test_so_many_characters_tell_ids_apart_and_one_less_does_not(ids: list[str]) -> None:
    length = telling_length(ids)
    assert len({each[:length] for each in ids}) == len(set(ids))
    assert length == 8 or len({each[: length - 1] for each in ids}) < len(set(ids))
