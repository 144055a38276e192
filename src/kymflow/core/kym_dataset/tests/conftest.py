"""Fixtures of the tests of the engine."""

from __future__ import annotations

import pytest

from kymflow.core.kym_dataset import KymDataset
from kymflow.core.kym_dataset.update import extract
from kymflow_zarr import ZarrDataset


@pytest.fixture
def five(dataset: ZarrDataset, add_image, monkeypatch) -> KymDataset:
    """Return a dataset of five images, a to e, which are extracted two at a time."""
    monkeypatch.setattr(extract, "BATCH", 2)
    for image_id, n_events in zip("abcde", (2, 0, 3, 1, 2), strict=True):
        add_image(image_id, n_events)
    return KymDataset(dataset)
