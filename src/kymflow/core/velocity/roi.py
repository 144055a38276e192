"""The region of an image that velocities are measured in."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import NamedTuple

from kymflow.core.errors import PixelsError


class Roi(NamedTuple):
    """A rectangle of lines and pixels; ends are exclusive.

    Attributes:
        t0: First line.
        t1: Line after the last.
        x0: First pixel of each line.
        x1: Pixel after the last.
    """

    t0: int
    t1: int
    x0: int
    x1: int

    @classmethod
    def of(cls, ends: Sequence[int] | None, shape: tuple[int, ...]) -> Roi:
        """Return the ROI of some ends; the whole image if None.

        Args:
            ends: t0, t1, x0, x1.
            shape: Lines and pixels of the image.

        Raises:
            PixelsError: If the ends are not four whole numbers, or the ROI is empty or leaves the
                image.
        """
        n_lines, n_pixels = shape
        try:
            roi = cls(*map(operator.index, (0, n_lines, 0, n_pixels) if ends is None else ends))
        except TypeError as error:
            raise PixelsError(f"an ROI is four whole numbers, not {ends!r}") from error
        if 0 <= roi.t0 < roi.t1 <= n_lines and 0 <= roi.x0 < roi.x1 <= n_pixels:
            return roi
        raise PixelsError(
            f"{roi} is empty or leaves the image, which has {n_lines} lines of {n_pixels} pixels"
        )
