"""Medians in moving windows, runs of samples, and the way back to where a limit was crossed.

The moving medians are Bottleneck's: of the libraries measured it alone skips NaN, shortens windows
at the ends, is exact, and costs little more for long windows than for short ones (docs/design.md).
"""

from __future__ import annotations

import bottleneck as bn
import numpy as np

from kymflow.core.velocity_events.trace import Floats, Indices, Mask


def medians_beside(values: Floats, width: int) -> tuple[Floats, Floats]:
    """Return the medians of the samples before and after each place, NaN left out.

    Args:
        values: One sample or more.
        width: Samples in a window; fewer at the ends.

    Returns:
        The medians of ``values[i - width : i]`` and of ``values[i : i + width]`` for each i; NaN
        where such a window holds none but NaN.
    """
    width = min(width, len(values))
    trailing = _trailing_medians(values, width, beyond=width - 1)
    before = np.concatenate([[np.nan], trailing[: len(values) - 1]])
    return before, trailing[width - 1 :]


def centred_medians(values: Floats, width: int) -> Floats:
    """Return the medians of centred windows, NaN left out.

    Args:
        values: One sample or more.
        width: Samples in a window, an odd number; fewer at the ends.
    """
    half = min(width // 2, len(values) - 1)
    return _trailing_medians(values, 2 * half + 1, beyond=half)[half:]


def counts_beside(mask: Mask, width: int) -> tuple[Indices, Indices]:
    """Return how many samples are set in the windows of :func:`medians_beside`."""
    places = np.arange(len(mask))
    return _counts(mask, places - width, places), _counts(mask, places, places + width)


def centred_fractions(mask: Mask, width: int) -> Floats:
    """Return the fraction of samples set in centred windows.

    Args:
        mask: One sample or more.
        width: Samples in a window, an odd number; fewer at the ends.
    """
    half = min(width // 2, len(mask))
    places = np.arange(len(mask))
    sizes = np.minimum(places + half + 1, len(mask)) - np.maximum(places - half, 0)
    fractions: Floats = _counts(mask, places - half, places + half + 1) / sizes
    return fractions


def runs(mask: Mask, gap: int) -> list[tuple[int, int]]:
    """Return the first and last sample of each run of set samples.

    Args:
        mask: The samples.
        gap: Runs with no more samples than this between them are one.
    """
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    firsts, lasts = edges[::2], edges[1::2] - 1
    apart = firsts[1:] - lasts[:-1] - 1 > gap
    ends = np.concatenate([apart, [True]])[: len(lasts)]
    starts = np.concatenate([[True], apart])[: len(firsts)]
    return list(zip(firsts[starts].tolist(), lasts[ends].tolist(), strict=True))


class WayBack:
    """Finds how far back from a sample all values are at or above a limit.

    Blocks whose least value is known are passed over whole, so that a long way costs little.

    Args:
        values: The values, one or more; NaN is below every limit.
        block: Values in a block.
    """

    def __init__(self, values: Floats, block: int = 1024) -> None:
        self._values = values
        self._block = block
        self._lows = np.minimum.reduceat(values, np.arange(0, len(values), block))

    def start(self, place: int, limit: float) -> int:
        """Return the first of the samples that lead up to a place at or above a limit."""
        block = place // self._block
        last = self._last_below(block * self._block, place, limit)
        if last is None:
            low_blocks = np.flatnonzero(~(self._lows[:block] >= limit))
            if not low_blocks.size:
                return 0
            begin = int(low_blocks[-1]) * self._block
            last = self._last_below(begin, begin + self._block, limit)
        return 0 if last is None else last + 1

    def _last_below(self, begin: int, end: int, limit: float) -> int | None:
        below = np.flatnonzero(~(self._values[begin:end] >= limit))
        return begin + int(below[-1]) if below.size else None


def _trailing_medians(values: Floats, width: int, *, beyond: int) -> Floats:
    """Return the medians of windows that end at each sample, and at so many samples beyond."""
    padded = np.concatenate([values, np.full(beyond, np.nan)])
    medians: Floats = bn.move_median(padded, width, min_count=1)
    return medians


def _counts(mask: Mask, begins: Indices, ends: Indices) -> Indices:
    running = np.concatenate([[0], np.cumsum(mask)])
    counts: Indices = running[np.minimum(ends, len(mask))] - running[np.maximum(begins, 0)]
    return counts
