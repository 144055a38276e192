"""From the pixels of a line scan to a velocity trace."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

from kymflow.core.errors import PixelsError, ScaleError
from kymflow.core.velocity.params import VelocityParams
from kymflow.core.velocity.radon import Floats
from kymflow.core.velocity.roi import Roi
from kymflow.core.velocity.streaks import find_streaks
from kymflow.core.velocity.windows import Windows

VELOCITY_VERSION = "kymflow.velocity@1"
"""Raised when the same pixels, scale and params would yield another trace."""

FASTEST = 1e6
"""Velocities beyond this are those of 90°, where cells would cross the line in no time, mm/s."""
BRIGHTEST = 1e100
"""Pixels beyond this would overflow when squared."""


def measure_velocity(
    pixels: object,
    *,
    seconds_per_line: float,
    um_per_pixel: float,
    params: VelocityParams | None = None,
    roi: Sequence[int] | None = None,
) -> pl.DataFrame:
    """Measure the velocity of the cells in a line scan.

    Cells that move along the line draw streaks. In each window of ``window_lines`` lines the Radon
    projection along the streaks varies most from bin to bin; the tangent of its angle is the
    velocity. The method is that of Drew, Blinder, Cauwenberghs, Shih and Kleinfeld (2010), Rapid
    determination of particle velocity from space-time images using the Radon transform, J Comput
    Neurosci 29, 5-11. The angle is the one that float64 arithmetic on projections as of
    ``skimage.transform.radon(window, theta=…, circle=False)`` yields:

    - Window k holds the lines k · step … k · step + window_lines - 1 of the ROI, with
      step = window_lines / 4. Lines at the end that fill no step are left out.
    - Of 0, 1 … 179°, the first angle with the greatest variance is the coarse one; of the 17
      quarters of a degree about it, the first with the greatest variance is the angle. Variances
      within 1e-12 of the greatest count as equal to it.
    - velocity = um_per_pixel / seconds_per_line · tan(angle) / 1000.

    Args:
        pixels: Shape (n_lines, n_pixels), integers or floats: axis 0 is time, axis 1 space.
        seconds_per_line: Time from one line to the next, s.
        um_per_pixel: Distance from one pixel to the next, µm.
        params: The params; the defaults if None.
        roi: An ``Roi``, or its ends t0, t1, x0, x1; the whole image if None.

    Returns:
        Frame, one row per window:

        ==========  =======  ==============================================================
        column      dtype    meaning
        ==========  =======  ==============================================================
        time        float64  time of the window's centre from the image's first line, s
        velocity    float64  mm/s; positive towards greater pixel numbers. NaN at 90°, where
                             it would be infinite, and where quality is below min_quality
        angle_deg   float64  angle of the streaks, -2 to 181 in quarters: 0 where cells
                             stand still, 90 where they are too fast; measured, also where
                             the velocity is NaN
        quality     float64  how clearly that angle stands out, 0 to 1: 1 minus the mean of
                             the variances at 0, 1 … 179° divided by the variance at the
                             angle. About 0.5 for noise, 0.7 to 0.9 for clear streaks, whether
                             they move or stand still, and 0 for a window of equal pixels,
                             whose angle is -2 because the first of equals wins
        ==========  =======  ==============================================================

    Raises:
        PixelsError: If pixels are no 2-D image of finite numbers, the ROI leaves it or is empty,
            or it has fewer lines than a window.
        ScaleError: If ``seconds_per_line`` or ``um_per_pixel`` is not a number above 0.

    Examples:
        Cells 8 pixels apart that move on by a pixel of 0.5 µm per line of 1 ms:

        >>> import numpy as np
        >>> line, pixel = np.ogrid[:32, :64]
        >>> pixels = np.cos(2 * np.pi * (pixel - line) / 8)
        >>> trace = measure_velocity(pixels, seconds_per_line=0.001, um_per_pixel=0.5)
        >>> trace["velocity"].round(2).to_list()
        [0.5, 0.5, 0.5, 0.5, 0.5]
    """
    params = VelocityParams() if params is None else params
    seconds = _scale("seconds_per_line", seconds_per_line)
    um = _scale("um_per_pixel", um_per_pixel)
    image = _image(pixels)
    cut = Roi.of(roi, image.shape)
    region = _region(image, cut, params.window_lines)
    windows = Windows(region, params.window_lines)
    streaks = find_streaks(windows)
    velocity = um / seconds * _tangent(streaks.angle) / 1000
    measured = (np.abs(velocity) <= FASTEST) & (streaks.quality >= params.min_quality)
    centres = cut.t0 + np.arange(len(windows)) * windows.step + params.window_lines / 2
    return pl.DataFrame(
        {
            "time": centres * seconds,
            "velocity": np.where(measured, velocity, np.nan),
            "angle_deg": streaks.angle,
            "quality": streaks.quality,
        }
    )


def _tangent(degrees: Floats) -> Floats:
    """Return the tangents of angles; that of 90° is infinite, where rounding makes it 1.6e16."""
    tangents: Floats = np.where(degrees == 90, np.inf, np.tan(np.deg2rad(degrees)))
    return tangents


def _scale(name: str, value: Any) -> float:
    number = isinstance(value, Real) and not isinstance(value, bool)
    if number and 0 < value <= sys.float_info.max:
        return float(value)
    raise ScaleError(f"{name} must be a number above 0, not {value!r}")


def _image(pixels: object) -> np.ndarray[Any, Any]:
    """Return pixels as a 2-D array of numbers."""
    try:
        image = np.asarray(pixels)
    except ValueError as error:
        raise PixelsError(f"pixels must be lines of one length: {error}") from error
    if image.ndim != 2 or image.dtype.kind not in "iuf":
        raise PixelsError(
            f"pixels must be integers or floats of lines × pixels, "
            f"not {image.dtype} of shape {image.shape}"
        )
    return image


def _region(image: np.ndarray[Any, Any], roi: Roi, window_lines: int) -> np.ndarray[Any, Any]:
    """Return the pixels of an ROI, if velocities can be measured in them."""
    region = image[roi.t0 : roi.t1, roi.x0 : roi.x1]
    if len(region) < window_lines:
        raise PixelsError(
            f"{len(region)} lines are fewer than the {window_lines} of one window; "
            "choose a longer ROI or a smaller window_lines"
        )
    if region.dtype.kind == "f" and not float(np.abs(region).max()) <= BRIGHTEST:
        raise PixelsError(f"pixels must be finite, and within ±{BRIGHTEST:g}; some are not")
    return region
