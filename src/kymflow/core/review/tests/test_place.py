"""An event is added on a ROI that the image has, and within its recording."""

from __future__ import annotations

import numpy as np
import pytest

from kymflow.core.errors import ReviewError
from kymflow.core.review.reviews import Reviews
from kymflow.core.review.state import key_of
from kymflow.core.velocity_events.tests.conftest import flow
from kymflow_zarr import ZarrDataset


def test_the_rois_are_those_of_the_trace(dataset: ZarrDataset, add_trace) -> None:
    add_trace("a", {(1, 1): flow(3.0), (2, 3): flow(4.0)})
    reviews = Reviews(dataset, reviewer="ann")
    for roi_id, channel in ((1, 1), (2, 3)):
        assert reviews.add("a", start=1.0, roi_id=roi_id, channel=channel)["roi_id"] == roi_id
    for roi_id, channel in ((0, 1), (2, 1), (7, 1), (1, 2)):
        with pytest.raises(ReviewError, match=r"its ROIs and channels are 1:1, 2:3"):
            reviews.add("a", start=1.0, roi_id=roi_id, channel=channel)
    assert reviews.events("a").height == 2


@pytest.mark.parametrize(
    ("rois", "known"),
    [
        (None, (1, 1)),
        ([], (1, 1)),
        ([{"roi_id": 4}], (4, 1)),
        ([{"roi_id": 4, "channel": 2}, {"name": "odd"}, 3], (4, 2)),
    ],
)
def test_without_a_trace_they_are_those_listed(
    dataset: ZarrDataset, rois: object, known: tuple[int, int]
) -> None:
    record = dataset.add_image(np.zeros((8, 4), np.uint16), image_id="a")
    record.save_metadata_payload({"rois": rois})
    reviews = Reviews(dataset, reviewer="ann")
    with pytest.raises(ReviewError, match="has no ROI 9"):
        reviews.add("a", start=1.0, roi_id=9)
    assert reviews.add("a", start=1e6, roi_id=known[0], channel=known[1])


def test_times_lie_in_the_recording(dataset: ZarrDataset, add_trace) -> None:
    record = add_trace("a", flow(3.0))  # 2,000 samples of 5 ms
    reviews = Reviews(dataset, reviewer="ann")
    assert reviews.add("a", start=9.5, end=10.0)
    with pytest.raises(ReviewError, match=r"10\.1 s is after the end of the recording, 10\.005 s"):
        reviews.add("a", start=9.5, end=10.1)
    record.save_metadata_payload({"header": {"voxels": [0.01, 0.3], "shape": [1050, 4]}})
    assert reviews.add("a", start=9.5, end=10.5)
    with pytest.raises(ReviewError, match=r"10\.500 s"):
        reviews.add("a", start=10.6)


def test_corrected_times_lie_in_the_recording(dataset: ZarrDataset, add_trace) -> None:
    add_trace("a", flow(3.0))
    reviews = Reviews(dataset, reviewer="ann")
    key = key_of("a", reviews.add("a", start=9.0, end=9.5))
    with pytest.raises(ReviewError, match=r"10\.1 s is after the end of the recording, 10\.005 s"):
        reviews.edit(key, end=10.1)
    assert reviews.edit(key, end=10.0)["t_end_s"] == 10.0
    assert len(reviews.journal.decisions()) == 2
