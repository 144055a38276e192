"""A small picture of an image: its kymograph, and beneath it the trace with its events."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kymflow.core.artifacts.kymograph import load_kymograph
from kymflow.core.artifacts.trace import load_trace
from kymflow.core.extras import needs_extra
from kymflow.core.plots.style import EVENT_COLOURS, FIRST, SPARE_COLOUR
from kymflow.core.review.event_rows import load_events
from kymflow_zarr.errors import ArtifactError, UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

WIDTH, KYMOGRAPH, TRACE = 240, 28, 20
"""Px of the picture, and of the heights of its two strips."""
_PERCENTILES = (1, 99)


def draw_thumbnail(rec: ZarrImageRecord) -> bytes:
    """Draw an image in small, as a list shows it.

    Args:
        rec: The image.

    Returns:
        A PNG of 240 × 48 px: the kymograph, time to the right, and the velocities beneath it; a
        strip in the colour of each event's type where it is. What is not there is left blank.

    Raises:
        ImageNotFoundError: If there is no such image.
        MissingExtraError: If Pillow is not installed.
    """
    rec.check_exists()
    with needs_extra("plot", "pictures"):
        from PIL import Image

        from kymflow.core.plots.pixels import grey_levels
    canvas = np.zeros((KYMOGRAPH + TRACE, WIDTH, 4), np.uint8)
    try:
        pixels = load_kymograph(rec)
    except (ArtifactError, UsageError):
        pixels = None
    if pixels is not None and np.isfinite(pixels).any():
        canvas[:KYMOGRAPH, :, :3] = grey_levels(pixels, WIDTH, KYMOGRAPH)[..., None]
        canvas[:KYMOGRAPH, :, 3] = 255
    _add_trace(canvas, rec)
    buffer = io.BytesIO()
    Image.fromarray(canvas, "RGBA").save(buffer, "png")
    return buffer.getvalue()


def _add_trace(canvas: np.ndarray[Any, Any], rec: ZarrImageRecord) -> None:
    try:
        trace = load_trace(rec)
    except ArtifactError:
        return
    first = trace.filter(pl.col("roi_id") == pl.col("roi_id").min(), pl.col("time").is_finite())
    if first.is_empty():
        return
    time = first["time"].to_numpy()
    until = float(time.max()) or 1.0
    columns = np.minimum((time / until * (WIDTH - 1)).astype(np.intp).clip(0), WIDTH - 1)
    try:
        events = load_events(rec).select("event_type", "t_start_s", "t_end_s", "peak_t_s")
    except ArtifactError:
        events = pl.DataFrame(schema=["event_type", "t_start_s", "t_end_s", "peak_t_s"])
    for kind, start, end, peak in events.iter_rows():
        if start is None:
            continue
        left, right = (
            int(np.clip(t / until * WIDTH, 0, WIDTH - 1)) for t in (start, end or peak or start)
        )
        colour = EVENT_COLOURS.get(kind, SPARE_COLOUR)
        canvas[KYMOGRAPH:, left : right + 2] = [*bytes.fromhex(colour[1:]), 110]
    velocity = first["velocity"].to_numpy()
    finite = np.isfinite(velocity)
    if not finite.any():
        return
    low, high = np.percentile(velocity[finite], _PERCENTILES)
    share = (velocity[finite] - low) / ((high - low) or 1)
    rows = KYMOGRAPH + 1 + ((1 - share.clip(0, 1)) * (TRACE - 3)).astype(np.intp)
    canvas[rows, columns[finite]] = [*bytes.fromhex(FIRST[1:]), 255]
