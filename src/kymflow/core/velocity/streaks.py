"""The angle of the streaks in each window, and how clearly it stands out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kymflow.core.velocity.projections import FINE, Projections, projections_of
from kymflow.core.velocity.radon import Floats
from kymflow.core.velocity.windows import Windows

Array = np.ndarray[Any, Any]
Indices = np.ndarray[Any, np.dtype[np.intp]]

TIE = 1e-12
"""Variances this close, relative to the greatest, are equal.

Float64 gets them to 2e-14, so it is chance which of two equal ones comes out greater: those of a
window that is its own mirror image, at θ and 180° - θ, say.
"""
_BATCH_PIXELS = 1 << 22
"""Pixels of the windows that are projected by one matrix after another: 16 MB in float32."""


@dataclass(frozen=True, slots=True)
class Streaks:
    """What was found in each window.

    Attributes:
        angle: Angle of the streaks, degrees, -2 to 181, in quarters; shape (n_windows,).
        quality: How clearly it stands out, 0 to 1; shape (n_windows,).
    """

    angle: Floats
    quality: Floats


def find_streaks(windows: Windows) -> Streaks:
    """Find the angle at which each window's projection varies most, and its quality.

    The coarse angle is the first of 0, 1 … 179° with the greatest variance, the angle the first
    such of the 17 quarters of a degree about it. The quality is 1 minus the mean of the
    coarse variances divided by the variance at the angle, and 0 where all variances are 0.
    """
    projections = projections_of(*windows.shape)
    coarse, means = _coarse(windows, projections)
    angles, peaks = np.empty(len(windows)), np.empty(len(windows))
    for degree in np.unique(coarse):
        [of_degree] = np.nonzero(coarse == degree)
        for some in _parts(of_degree, projections.block):
            variances = projections.fine(windows.take(some), int(degree))
            angles[some] = degree + FINE[first_greatest(variances)]
            peaks[some] = variances.max(axis=0)
    ratios = np.divide(means, peaks, out=np.ones(len(windows)), where=peaks > 0)
    return Streaks(angles, np.clip(1 - ratios, 0, 1))


def _coarse(windows: Windows, projections: Projections) -> tuple[Indices, Floats]:
    """Return the coarse angles, and the means of the coarse variances.

    Float32 takes half the time of float64. It decides where the greatest variance leads by more
    than both may be off; the others, one window in a hundred, are projected again.
    """
    angles, means = np.empty(len(windows), np.intp), np.empty(len(windows))
    error = projections.float32_error[:, None]
    batch = max(_BATCH_PIXELS // (windows.shape[0] * windows.shape[1]), projections.block)
    for which in _parts(np.arange(len(windows)), batch):
        parts = _parts(which, projections.block)
        variances = projections.coarse([windows.take(part).astype(np.float32) for part in parts])
        deviations = np.sqrt(variances)
        candidates = deviations + error >= (deviations - error).max(axis=0)
        angles[which] = candidates.argmax(axis=0)
        means[which] = variances.mean(axis=0, dtype=np.float64)
        for part in _parts(which[candidates.sum(axis=0) > 1], projections.block):
            angles[part] = first_greatest(projections.coarse([windows.take(part)]))
    return angles, means


def first_greatest(variances: Floats) -> Indices:
    """Return the first row of each column that holds its greatest value, to within ``TIE``."""
    first: Indices = (variances >= variances.max(axis=0) * (1 - TIE)).argmax(axis=0)
    return first


def _parts(which: Indices, size: int) -> list[Indices]:
    return [which[first : first + size] for first in range(0, len(which), size)]
