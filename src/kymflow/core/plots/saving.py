"""Charts as files: PNG, SVG, and HTML that needs no network."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.extras import needs_extra
from kymflow.core.plots.style import ENDINGS
from kymflow_zarr.errors import UsageError
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.targets import check_target

if TYPE_CHECKING:
    import altair as alt

SCALE = 2
"""Pixels of a PNG for each px of the chart: sharp on dense screens and in print."""
_UNDRAWABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def save(chart: alt.Chart | alt.LayerChart | alt.VConcatChart, path: Path) -> None:
    """Write a chart to a file, atomically.

    Args:
        chart: The chart.
        path: Its ending decides: ``.png``, ``.svg``, or ``.html``, a page with tooltips and
            zoom that holds all it needs.

    Raises:
        UsageError: If the ending is none of these, or the file may not be written over; see
            :func:`~kymflow_zarr.store.targets.check_target`.
        MissingExtraError: If the library that draws is not installed.
    """
    ending = check_ending(path)
    with needs_extra("plot", "plots"):
        # Asked for here, so that the error names our extra.
        import PIL  # noqa: F401
        import vl_convert
    check_target(path)
    spec = _drawable(chart.to_dict())
    if ending == ".html":
        from kymflow.core.plots.page import page

        data = page(spec).encode()
    elif ending == ".png":
        data = _packed(vl_convert.vegalite_to_png(spec, scale=SCALE, allowed_base_urls=[]))
    else:
        data = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]).encode()
    write_atomic(path, data)


def _drawable(part: Any) -> Any:
    """Return part of a specification without what SVG can't hold, or Vega's expressions."""
    if isinstance(part, str):
        return _UNDRAWABLE.sub("\N{REPLACEMENT CHARACTER}", part)
    if isinstance(part, dict):
        return {_drawable(key): _drawable(value) for key, value in part.items()}
    return [_drawable(each) for each in part] if isinstance(part, list) else part


def _packed(png: bytes) -> bytes:
    """Return an opaque PNG a fifth as large: vl-convert hardly compresses."""
    from PIL import Image

    packed = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").save(packed, "png", optimize=True)
    return packed.getvalue()


def check_ending(path: Path) -> str:
    """Return the ending of a plot's file.

    Raises:
        UsageError: If it is not one of ``ENDINGS``.
    """
    ending = path.suffix.lower()
    if ending in ENDINGS:
        return ending
    raise UsageError(f"a plot is written as {', '.join(ENDINGS)}, not {ending or 'without one'!r}")
