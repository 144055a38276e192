"""Charts as files: PNG, SVG, and HTML that needs no network."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.extras import needs_extra
from kymflow.core.plots import ENDINGS
from kymflow_zarr.errors import UsageError
from kymflow_zarr.store.files import write_atomic

if TYPE_CHECKING:
    import altair as alt

SCALE = 2
"""Pixels of a PNG for each px of the chart: sharp on dense screens and in print."""


def save(chart: alt.Chart | alt.LayerChart | alt.VConcatChart, path: Path) -> None:
    """Write a chart to a file, atomically.

    Args:
        chart: The chart.
        path: Its ending decides: ``.png``, ``.svg``, or ``.html``, a page with tooltips and
            zoom that holds all it needs.

    Raises:
        UsageError: If the ending is none of these.
        MissingExtraError: If the library that draws is not installed.
    """
    ending = check_ending(path)
    with needs_extra("plot", "plots"):
        # Asked for here, so that the error names our extra.
        import PIL  # noqa: F401
        import vl_convert  # noqa: F401
    buffer: io.BytesIO | io.StringIO = io.StringIO()
    if ending == ".png":
        buffer = io.BytesIO()
        chart.save(buffer, format="png", scale_factor=SCALE)
        buffer = _packed(buffer)
    elif ending == ".svg":
        chart.save(buffer, format="svg")
    else:
        chart.save(buffer, format="html", inline=True)
    data = buffer.getvalue()
    write_atomic(path, data if isinstance(data, bytes) else data.encode())


def _packed(png: io.BytesIO) -> io.BytesIO:
    """Return an opaque PNG a fifth as large: vl-convert hardly compresses."""
    from PIL import Image

    packed = io.BytesIO()
    Image.open(png).convert("RGB").save(packed, "png", optimize=True)
    return packed


def check_ending(path: Path) -> str:
    """Return the ending of a plot's file.

    Raises:
        UsageError: If it is not one of ``ENDINGS``.
    """
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return ending
    raise UsageError(f"a plot is written as {', '.join(ENDINGS)}, not {ending or 'without one'!r}")
