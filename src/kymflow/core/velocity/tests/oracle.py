"""Angles by scikit-image, window by window: what everything else is held against."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from skimage.transform import radon

FINE = np.arange(-2, 2.25, 0.25)
EQUAL = 1e-12
"""Variances so close to the greatest are equal but for rounding."""


@dataclass(frozen=True)
class Found:
    """What was found in a window."""

    coarse: np.ndarray
    fine: np.ndarray
    angle: float

    @property
    def quality(self) -> float:
        """The quality by its definition."""
        peak = self.fine.max()
        return 1 - self.coarse.mean() / peak if peak > 0 else 0.0


def find(window: np.ndarray) -> Found:
    """Return the variances and the angle of a window."""
    exact = window.astype(np.float64)
    exact = exact - exact[0, 0]  # so that equal pixels have a mean that is equal to them
    exact -= exact.mean()
    coarse = variances(exact, np.arange(180.0))
    degree = first_greatest(coarse)
    fine = variances(exact, degree + FINE)
    return Found(coarse, fine, degree + FINE[first_greatest(fine)])


def variances(window: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Return the variances of the projections of a float64 window."""
    return radon(window, theta=angles, circle=False).var(axis=0)


def first_greatest(values: np.ndarray) -> int:
    """Return the first place of the greatest value, or of one equal to it but for rounding."""
    return int((values >= values.max() * (1 - EQUAL)).argmax())


def windows(pixels: np.ndarray, lines: int) -> list[np.ndarray]:
    """Return all windows of some pixels."""
    step = lines // 4
    count = len(pixels) // step - 3
    return [pixels[k * step : k * step + lines] for k in range(count)]
