"""An image's pixels as kymographs: one per channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from kymflow_zarr import ZarrImageRecord

AXES = ("t", "x", "c")
"""The axes of an image's pixels: lines, pixels along a line, and channels if there are several."""


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


def _unfit(rec: ZarrImageRecord, why: str) -> UsageError:
    return UsageError(why, dataset=str(rec.dataset.path), image_id=rec.image_id)
