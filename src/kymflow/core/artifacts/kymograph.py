"""An image's pixels as kymographs: one per channel."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.image_names import path_of
from kymflow.core.artifacts.metadata import SCALE, get_fields
from kymflow.core.extras import needs_extra
from kymflow_zarr.errors import MetadataNotFoundError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from kymflow_zarr import ZarrImageRecord

AXES = ("t", "x", "c")
"""The axes of an image's pixels: lines, pixels along a line, and channels if there are several."""
_COORDINATES = {"t": ("seconds_per_line", "s", "time"), "x": ("um_per_pixel", "µm", "position")}


def load_kymograph(rec: ZarrImageRecord, channel: int = 1) -> np.ndarray[Any, Any]:
    """Load one channel of an image's pixels.

    Args:
        rec: The image.
        channel: The channel, from 1; an image of one channel holds the pixels of any.

    Returns:
        Array of shape (lines, pixels per line), in the dtype that is stored.

    Raises:
        ArtifactNotFoundError: If it has no pixels.
        ArtifactUnreadableError: If they can't be read.
        UsageError: If they are not those of a kymograph, or there is no such channel.
    """
    pixels = rec.load_array()
    if pixels.ndim == len(AXES) and rec.get_axes()[-1] == AXES[-1]:
        if not 1 <= channel <= pixels.shape[-1]:
            raise _unfit(rec, f"there is no channel {channel}; it has {pixels.shape[-1]}")
        pixels = pixels[..., channel - 1]
    if pixels.ndim != 2 or not pixels.size:
        raise _unfit(
            rec,
            f"a kymograph has two axes, time and space, and these pixels have shape {pixels.shape}",
        )
    return pixels


def to_xarray(rec: ZarrImageRecord) -> xr.DataArray:
    """Load an image's pixels with coordinates.

    Args:
        rec: The image.

    Returns:
        The array, its dimensions named as they are stored: of a kymograph ``t``, ``x``, and ``c``
        if there are several channels. ``t`` is in s from the first line, ``x`` in µm from the first
        pixel, each with its ``units``; an axis whose scale is not known has no coordinate.
        Channels count from 1. Attributes: ``image_id``, ``source_path`` if it has one, and the
        fields of the experiment.

    Raises:
        ArtifactNotFoundError: If the image has no pixels.
        ArtifactError: If its pixels or metadata can't be used.
        MissingExtraError: If xarray is not installed.

    Examples:
        >>> import kymflow
        >>> from kymflow.core.artifacts.kymograph import to_xarray
        >>> lab = kymflow.open("lab.zarr")  # doctest: +SKIP
        >>> to_xarray(lab["vessel-03.tif"]).sel(t=slice(1.0, 2.0)).mean("x")  # doctest: +SKIP
    """
    with needs_extra("xarray", "labelled arrays"):
        import xarray as xr
    import numpy as np

    pixels, dims = rec.load_array(), rec.get_axes()
    fields = get_fields(rec)
    coordinates = {}
    for axis, size in zip(dims, pixels.shape, strict=True):
        if axis == AXES[-1]:
            coordinates[axis] = xr.DataArray(np.arange(1, size + 1), dims=axis)
        elif axis in _COORDINATES and _COORDINATES[axis][0] in fields:
            key, unit, name = _COORDINATES[axis]
            along = np.arange(size) * float(fields[key])
            told = {"units": unit, "long_name": name}
            coordinates[axis] = xr.DataArray(along, dims=axis, attrs=told)
    path = None
    with suppress(MetadataNotFoundError):
        path = path_of(rec.load_metadata_payload())
    experiment = {key: value for key, value in fields.items() if key not in SCALE}
    about = {"image_id": rec.image_id, **({"source_path": path} if path else {}), **experiment}
    return xr.DataArray(pixels, coordinates, dims, name="intensity", attrs=about)


def _unfit(rec: ZarrImageRecord, why: str) -> UsageError:
    return UsageError(why, dataset=str(rec.dataset.path), image_id=rec.image_id)
