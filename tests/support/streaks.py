"""Small lab folders of TIFFs without traces, whose velocities are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

SECONDS_PER_LINE, UM_PER_PIXEL = 0.001, 0.5
HEADER = f'{{"header": {{"voxels": [{SECONDS_PER_LINE}, {UM_PER_PIXEL}]}}}}'
LINES, PIXELS = 400, 24
WINDOWS = LINES // 4 - 3
"""Windows of 16 lines in a whole image."""


def streaks(pixels_per_line: float, *, seed: int = 0) -> np.ndarray:
    """Draw stripes that move along the line, in a little noise; 1 pixel per line is 0.5 mm/s."""
    line, pixel = np.ogrid[:LINES, :PIXELS]
    noise = np.random.default_rng(seed).normal(0, 4, (LINES, PIXELS))
    wave = np.cos(2 * np.pi * (pixel - pixels_per_line * line) / 9)
    return (200 + 90 * wave + noise).astype(np.uint16)


def write_lab(folder: Path, **speeds: float) -> Path:
    """Write a lab folder: an image per name, with a sidecar that tells the scale."""
    folder.mkdir()
    for name, speed in speeds.items():
        tifffile.imwrite(folder / f"{name}.tif", streaks(speed))
        (folder / f"{name}.json").write_text(HEADER)
    return folder
