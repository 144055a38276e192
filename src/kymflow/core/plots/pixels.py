"""A kymograph's pixels as a picture: time to the right, shrunk by means, contrast stretched."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

DARKEST, BRIGHTEST = 0.5, 99.5
"""Percentiles of the shrunk picture that become black and white."""


def picture_url(pixels: np.ndarray[Any, Any], columns: int, rows: int) -> str:
    """Return a PNG data URL of a kymograph.

    Args:
        pixels: Numbers, axis 0 time and axis 1 space, one line and one pixel at least.
        columns: Width of the picture, px. More lines than that are shrunk by the mean of those
            that fall on a column, so that none is passed over; fewer are repeated.
        rows: Height of the picture, px; pixels of a line are repeated.

    Returns:
        An 8-bit greyscale PNG as ``data:image/png;base64,…``, the line's first pixel on top.
    """
    image = Image.fromarray(grey_levels(pixels, columns, rows))
    buffer = io.BytesIO()
    image.save(buffer, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


def grey_levels(pixels: np.ndarray[Any, Any], columns: int, rows: int) -> np.ndarray[Any, Any]:
    """Return a kymograph as a greyscale picture, see :func:`picture_url`.

    Returns:
        uint8 of shape (rows, columns); 0 where nothing is finite.
    """
    shrunk = column_means(pixels, columns)
    finite = shrunk[np.isfinite(shrunk)]
    low, high = np.percentile(finite, [DARKEST, BRIGHTEST]) if finite.size else (0.0, 1.0)
    grey = np.nan_to_num((shrunk - low) / ((high - low) or 1.0)).clip(0, 1) * 255
    across = np.linspace(0, len(grey), columns, endpoint=False).astype(np.intp)
    along = np.linspace(0, grey.shape[1], rows, endpoint=False).astype(np.intp)
    levels: np.ndarray[Any, Any] = np.rint(grey[across][:, along].T).astype(np.uint8)
    return levels


def column_means(pixels: np.ndarray[Any, Any], columns: int) -> np.ndarray[Any, Any]:
    """Return the means of consecutive lines, as many as there are columns, or all lines if fewer.

    Args:
        pixels: Numbers, axis 0 time.
        columns: How many to return at most; each line counts in one of them.

    Returns:
        float64 of shape (columns or lines, pixels per line).
    """
    lines = len(pixels)
    if lines <= columns:
        return np.asarray(pixels, np.float64)
    starts = np.arange(columns) * lines // columns
    sums = np.add.reduceat(pixels, starts, axis=0, dtype=np.float64)
    means: np.ndarray[Any, Any] = sums / np.diff(starts, append=lines)[:, None]
    return means
