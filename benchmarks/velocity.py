"""Velocity from pixels, against scikit-image window by window and against itself on less."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.work import Unavailable, Work
from kymflow.core.velocity import measure_velocity

LINES, PIXELS, WINDOW = 30_000, 38, 16
TIMES = 10
EVERY = 25
"""The loop takes minutes for all windows; it does one in so many."""
SECONDS_PER_LINE, UM_PER_PIXEL = 0.00117, 0.284

Array = np.ndarray[Any, Any]


def measure_one(_: Path) -> Work:
    """Measure a recording, in a process that has not measured one before."""
    return Work(partial(_measure, recording(LINES), 1), answer=_sampled)


def loop_over_some(_: Path) -> Work:
    """Find the angles of some of its windows with scikit-image."""
    try:
        from skimage.transform import radon
    except ImportError as error:
        raise Unavailable("scikit-image is not installed") from error
    pixels = recording(LINES)
    radon(np.eye(WINDOW), theta=[0], circle=False)  # imports what it puts off
    windows = [pixels[first : first + WINDOW] for first in _first_lines()]
    return Work(partial(_loop, radon, windows), answer=repr, fraction=1 / EVERY)


def measure_long(_: Path) -> Work:
    """Measure a recording ten times as long."""
    return Work(partial(_measure, recording(LINES * TIMES), 1))


def measure_ten(_: Path) -> Work:
    """Measure the shorter one ten times."""
    return Work(partial(_measure, recording(LINES), TIMES))


def _measure(pixels: Array, times: int) -> list[float]:
    for _ in range(times):
        trace = measure_velocity(
            pixels, seconds_per_line=SECONDS_PER_LINE, um_per_pixel=UM_PER_PIXEL
        )
    return trace["angle_deg"].to_list()


def _loop(radon: Any, windows: list[Array]) -> list[float]:
    angles = []
    for window in windows:
        pixels = window.astype(np.float64)
        pixels -= pixels.mean()
        coarse = radon(pixels, theta=np.arange(180), circle=False).var(axis=0).argmax()
        fine = coarse + np.arange(-2, 2.25, 0.25)
        angles.append(fine[radon(pixels, theta=fine, circle=False).var(axis=0).argmax()].item())
    return angles


def _sampled(angles: list[float]) -> str:
    return repr(angles[::EVERY])


def _first_lines() -> range:
    """Return the first lines of the windows that the loop does."""
    step = WINDOW // 4
    return range(0, LINES - WINDOW + 1, step * EVERY)


def recording(lines: int) -> Array:
    """Return cells that pass at a pulsing speed, in noise."""
    rng = np.random.default_rng(0)
    cells = np.convolve(rng.random(2 * lines + 4_000), np.hanning(7), "same")
    travelled = np.cumsum(1.5 + np.sin(np.arange(lines) / 100))
    pixels = np.empty((lines, PIXELS), np.uint16)
    for first in range(0, lines, LINES):  # so that making it takes less memory than measuring it
        place = travelled[first : first + LINES, None] - np.arange(PIXELS)
        light = 300 * np.interp(place, np.arange(len(cells)), cells)
        pixels[first : first + LINES] = (light + rng.normal(0, 60, light.shape)).clip(0, 4095)
    return pixels
