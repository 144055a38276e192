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
_BATCH_BYTES = 16 << 20
"""Windows in float32 that are looked at together."""


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
    such of the 17 quarters of a degree about it. The quality is 1 less the mean of the coarse
    variances by the variance at the angle, and 0 where all variances are 0.
    """
    projections = projections_of(*windows.shape)
    batch = max(_BATCH_BYTES // (4 * windows.shape[0] * windows.shape[1]), projections.block)
    found = [
        _find(windows, np.arange(first, min(first + batch, len(windows))), projections)
        for first in range(0, len(windows), batch)
    ]
    angles, qualities = zip(*found, strict=True)
    return Streaks(np.concatenate(angles), np.concatenate(qualities))


def _find(windows: Windows, which: Indices, projections: Projections) -> tuple[Floats, Floats]:
    coarse, means = _coarse(windows, which, projections)
    angles, peaks = np.empty(len(which)), np.empty(len(which))
    for degree in np.unique(coarse):
        [of_degree] = np.nonzero(coarse == degree)
        for some in _blocks(of_degree, projections.block):
            variances = projections.fine(windows.take(which[some]), int(degree))
            angles[some] = degree + FINE[first_greatest(variances)]
            peaks[some] = variances.max(axis=0)
    ratios = np.divide(means, peaks, out=np.ones(len(which)), where=peaks > 0)
    return angles, np.clip(1 - ratios, 0, 1)


def _coarse(windows: Windows, which: Indices, projections: Projections) -> tuple[Indices, Floats]:
    """Return the coarse angles, and the means of the coarse variances.

    Float32 takes half the time of float64. It decides where the greatest variance leads by more
    than both may be off; the others, one window in a hundred, are projected again.
    """
    blocks = [windows.take(some).astype(np.float32) for some in _blocks(which, projections.block)]
    variances = projections.coarse(blocks)
    deviations, error = np.sqrt(variances), projections.float32_error[:, None]
    candidates = deviations + error >= (deviations - error).max(axis=0)
    angles = candidates.argmax(axis=0)
    [doubtful] = np.nonzero(candidates.sum(axis=0) > 1)
    for some in _blocks(doubtful, projections.block):
        angles[some] = first_greatest(projections.coarse([windows.take(which[some])]))
    return angles, variances.mean(axis=0, dtype=np.float64)


def first_greatest(variances: Floats) -> Indices:
    """Return the first row of each column that holds its greatest value, to within ``TIE``."""
    first: Indices = (variances >= variances.max(axis=0) * (1 - TIE)).argmax(axis=0)
    return first


def _blocks(which: Indices, size: int) -> list[Indices]:
    return [which[first : first + size] for first in range(0, len(which), size)]
