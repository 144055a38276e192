"""An image as an xarray array: the pixels as they are, along s and µm where these are known."""

from __future__ import annotations

import numpy as np
import pytest

from kymflow.core.artifacts.kymograph import to_xarray
from kymflow_zarr import ZarrDataset

METADATA = {
    "header": {"voxels": [0.002, 0.5], "voxels_units": ["s", "um"], "shape": [40, 8]},
    "experiment_metadata": {"condition": "AngII"},
    "source": {"path": "day/a.tif"},
}


def test_a_kymograph_has_time_and_position(dataset: ZarrDataset) -> None:
    pixels = np.arange(320, dtype=np.uint16).reshape(40, 8)
    with dataset.stage_image("a") as staged:
        staged.save_array(pixels, axes=("t", "x"))
        staged.save_metadata_payload(METADATA)
    array = to_xarray(dataset.record("a"))
    assert array.dims == ("t", "x")
    assert array.dtype == np.uint16
    np.testing.assert_array_equal(array.values, pixels)
    np.testing.assert_allclose(array["t"], np.arange(40) * 0.002)
    np.testing.assert_allclose(array["x"], np.arange(8) * 0.5)
    assert (array["t"].attrs["units"], array["x"].attrs["units"]) == ("s", "µm")
    assert array.attrs == {"image_id": "a", "source_path": "day/a.tif", "condition": "AngII"}
    part = array.sel(t=slice(0.01, 0.02))
    np.testing.assert_array_equal(part.values, pixels[5:11])


@pytest.mark.parametrize("metadata", [None, {"header": {}}])
def test_an_axis_whose_scale_is_not_known_has_no_coordinate(
    dataset: ZarrDataset, metadata: dict[str, object] | None
) -> None:
    with dataset.stage_image("a") as staged:
        staged.save_array(np.zeros((4, 3, 2), np.uint8), axes=("t", "x", "c"))
        if metadata is not None:
            staged.save_metadata_payload(metadata)
    array = to_xarray(dataset.record("a"))
    assert list(array.coords) == ["c"]
    assert array["c"].values.tolist() == [1, 2]
