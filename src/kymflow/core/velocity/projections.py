"""The variances of projections, from which the angle of a window's streaks is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from kymflow.core.velocity.radon import HEAVIEST_PIXEL, Floats, n_bins, projection_matrix
from kymflow.core.velocity.recent import RecentMatrices

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = np.ndarray[Any, Any]

ANGLES = 180
"""Coarse angles: 0, 1 … 179°."""
QUARTERS = 4
"""Fine angles per degree."""
FINE = np.arange(-2 * QUARTERS, 2 * QUARTERS + 1) / QUARTERS
"""Fine angles less the coarse one: -2, -1.75 … 2°."""

_BLOCK, _BLOCK_PIXELS = 256, 1 << 19
"""Windows that are best projected at a time, and their pixels at the most: 4 MB of float64."""
_AT_ONCE, _AT_ONCE_PIXELS = 15, 1 << 17
"""Coarse angles per matrix, and the most of their number times pixels: 3.5 MB."""


_recent = RecentMatrices(96 << 20)
"""Windows of 16 × 38 pixels need 18 MB for all angles, in proportion to their pixels."""


@lru_cache(maxsize=32)
def projections_of(lines: int, pixels: int) -> Projections:
    """Return the projections of windows of a shape."""
    return Projections(lines, pixels)


class Projections:
    """The variances of projections, for windows of one shape.

    Args:
        lines: Lines of a window.
        pixels: Pixels per line.

    Attributes:
        block: Windows that are best projected at a time.
    """

    def __init__(self, lines: int, pixels: int) -> None:
        self._shape = (lines, pixels)
        self._bins = n_bins(lines, pixels)
        self.block = min(max(_BLOCK_PIXELS // (lines * pixels), 1), _BLOCK)
        self._at_once = min(max(_AT_ONCE_PIXELS // (lines * pixels), 1), _AT_ONCE)

    def coarse(self, blocks: Sequence[Array]) -> Array:
        """Return the variances at 0, 1 … 179°.

        Args:
            blocks: Windows, float32 or float64, each block of shape (lines · pixels, n).

        Returns:
            In their precision, shape (180, windows of all blocks).
        """
        parts = (matrix.astype(blocks[0].dtype) for matrix in self._coarse_matrices())
        return np.vstack(
            [np.hstack([self._variances(part, block) for block in blocks]) for part in parts]
        )

    def fine(self, windows: Floats, coarse: int) -> Floats:
        """Return the variances at the 17 fine angles about a coarse one.

        Args:
            windows: Shape (lines · pixels, n).
            coarse: The coarse angle of them all, degrees.

        Returns:
            Shape (17, n).
        """
        parts = (
            self._matrix(degree, QUARTERS, QUARTERS) for degree in range(coarse - 2, coarse + 3)
        )
        return np.vstack([self._variances(part, windows) for part in parts])[: len(FINE)]

    @cached_property
    def float32_error(self) -> Floats:
        """The most by which a coarse standard deviation in float32 is off, shape (180,).

        For windows of norm 1. With u = 2⁻²⁴, γ(k) = k·u / (1 - k·u), rows of at most m weights
        whose sum is at most R, and c the heaviest pixel's: a projection P·x is off by e, where
        ‖e‖ ≤ γ(m + 2) · ‖P·|x|‖ and ‖P‖² ≤ R·c (Higham, Accuracy and Stability of Numerical
        Algorithms, 2nd edition, section 3.5). Its standard deviation is a norm, so that is off by
        at most ‖e‖ / √bins, and summing up mean and squares adds less than 2·γ(bins + 4) · ‖P·x‖ /
        √bins.
        """
        weights, sums = [], []
        for matrix in self._coarse_matrices():
            weights.append(np.diff(matrix.indptr).reshape(-1, self._bins).max(axis=1))
            sums.append(matrix.sum(axis=1).reshape(-1, self._bins).max(axis=1))
        relative = _gamma(np.hstack(weights) + 2) + 2 * _gamma(self._bins + 4)
        error: Floats = relative * np.sqrt(np.hstack(sums) * HEAVIEST_PIXEL / self._bins)
        return error

    def _variances(self, matrix: csr_array, windows: Array) -> Array:
        projections = (matrix @ windows).reshape(-1, self._bins, windows.shape[1])
        projections -= projections.mean(axis=1, keepdims=True)
        variances: Array = np.einsum("abw,abw->aw", projections, projections) / self._bins
        return variances

    def _coarse_matrices(self) -> Iterator[csr_array]:
        """Yield the matrices of the coarse angles, several at a time."""
        for first in range(0, ANGLES, self._at_once):
            yield self._matrix(first, 1, min(self._at_once, ANGLES - first))

    def _matrix(self, first: int, per_degree: int, count: int) -> csr_array:
        def make() -> csr_array:
            return projection_matrix(*self._shape, first + np.arange(count) / per_degree)

        return _recent.get((*self._shape, first, per_degree, count), make)


def _gamma(operations: Any) -> Any:
    """Return the relative error of a float32 result of so many operations, each rounded."""
    rounding = operations * 2.0**-24
    return rounding / (1 - rounding)
