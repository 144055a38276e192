"""The windows of a recording: overlapping stretches of lines, made comparable."""

from __future__ import annotations

from typing import Any

import numpy as np

from kymflow.core.velocity.radon import Floats

STEPS = 4
"""Windows begin a quarter of their lines apart."""


class Windows:
    """The windows of some pixels; window k begins at line k · step.

    Args:
        pixels: Shape (n_lines, n_pixels).
        lines: Lines of a window, a multiple of 4.

    Attributes:
        shape: Lines and pixels of a window.
        step: Lines from one window to the next.
    """

    def __init__(self, pixels: np.ndarray[Any, Any], lines: int) -> None:
        self.shape = (lines, pixels.shape[1])
        self.step = lines // STEPS
        views = np.lib.stride_tricks.sliding_window_view(pixels, lines, axis=0)
        self._views = views[:: self.step].transpose(0, 2, 1)

    def __len__(self) -> int:
        return len(self._views)

    def take(self, which: slice | np.ndarray[Any, np.dtype[np.intp]]) -> Floats:
        """Return some windows with a mean of 0 and a norm of 1.

        Neither changes which angle has the greatest variance. A window whose pixels are all equal
        becomes exactly zero, since its first pixel is subtracted before its mean.

        Args:
            which: Their numbers.

        Returns:
            Shape (lines · pixels, n_taken).
        """
        taken = self._views[which].reshape(-1, self.shape[0] * self.shape[1]).astype(np.float64)
        taken -= taken[:, :1].copy()
        taken -= taken.mean(axis=1, keepdims=True)
        norms = np.sqrt(np.einsum("wp,wp->w", taken, taken))
        taken /= np.where(norms > 0, norms, 1)[:, None]
        return np.ascontiguousarray(taken.T)
