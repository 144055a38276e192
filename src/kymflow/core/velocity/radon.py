"""The Radon projection of a window as a sparse matrix.

A projection is linear in the pixels, and all windows of a recording have one shape: their
projections at some angles are the product of one sparse matrix with the matrix of all windows. That
takes 2.2 multiplications per pixel and angle where turning the padded window takes twenty times as
many.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Floats = np.ndarray[Any, np.dtype[np.float64]]

HEAVIEST_PIXEL = 1 + 4 * (1 - math.sqrt(0.5)) ** 2
"""The most that one pixel of 1 adds to all bins of a projection together.

Its weights are the values of (1 - |x|)(1 - |y|), where positive, on the points of a turned unit
grid. By Poisson's formula, whose terms are products of sinc² and so never negative, their sum is
greatest with a point at the origin; then four neighbours add (1 - |cos θ|)(1 - |sin θ|) each.
"""


def n_bins(lines: int, pixels: int) -> int:
    """Return the bins of a projection: the diagonal of a square about the window, rounded up."""
    return math.ceil(math.sqrt(2) * max(lines, pixels))


def projection_matrix(lines: int, pixels: int, angles: Floats) -> csr_array:
    """Build the matrix that projects a window at several angles.

    The projections are those of ``skimage.transform.radon(window, theta=angles, circle=False)``:
    the window, padded with zeros to a square, is turned about its pixel ``(lines // 2,
    pixels // 2)`` with bilinear weights, and its rows are summed up.

    Args:
        lines: Lines of the window.
        pixels: Pixels per line.
        angles: Angles, degrees, shape (n_angles,).

    Returns:
        float64, shape (n_angles · n_bins, lines · pixels): the bins of the first angle, then those
        of the next; the window's pixels line by line.
    """
    bins = n_bins(lines, pixels)
    low, high = -(bins // 2), bins - bins // 2
    line, pixel = np.divmod(np.arange(lines * pixels), pixels)
    x, y = pixel - pixels // 2, line - lines // 2
    radians = np.deg2rad(angles)[:, None]
    cos, sin = np.cos(radians), np.sin(radians)
    # Points of the turned grid weigh a pixel that is less than 1 away on both axes of the window.
    # On each axis of the grid these are three at most, beginning here.
    reach = np.abs(cos) + np.abs(sin)
    column = np.ceil(cos * x - sin * y - reach)
    row = np.ceil(sin * x + cos * y - reach)
    from scipy.sparse import csr_array  # 0.2 s, which no question about traces waits for

    right, down = cos * column + sin * row - x, cos * row - sin * column - y
    weights = np.zeros((*right.shape, 3))
    for j in range(3):
        inside = (row + j >= low) & (row + j < high)
        for i in range(3):
            across = np.maximum(1 - np.abs(right + (i * cos + j * sin)), 0)
            along = np.maximum(1 - np.abs(down + (j * cos - i * sin)), 0)
            weights[..., i] += across * along * inside
    columns = column[..., None] + np.arange(3)
    used = (weights > 0) & (columns >= low) & (columns < high)
    angle, place, _ = np.nonzero(used)
    bin_ = angle * bins + (columns[used] - low).astype(np.intp)
    return csr_array((weights[used], (bin_, place)), shape=(len(angles) * bins, lines * pixels))
