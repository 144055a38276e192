"""How plots look, and what kinds and files of them there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kymflow_zarr.errors import UsageError

KINDS = ("line", "bar", "hist", "scatter", "box")
ENDINGS = (".png", ".svg", ".html")
WIDTH = 1000
"""Of an image's picture without its axes, px."""

PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#8C6D31",
    "#6B6B6B",
    "#7B4FA3",
    "#B2182B",
)
"""Okabe and Ito's colours, which the colour-blind can tell apart, without black and yellow; the
last four are for the rare plot with more than six kinds."""

EVENT_COLOURS: Mapping[str, str] = {
    "baseline_drop": "#D55E00",
    "baseline_rise": "#009E73",
    "nan_gap": "#6B6B6B",
    "zero_gap": "#56B4E9",
    "User Added": "#CC79A7",
}
"""The colour of each type of event, the same in every picture."""
SPARE_COLOUR = PALETTE[6]
"""Of any other type."""

FIRST = PALETTE[0]
INK, FAINT, GRID = "#222222", "#666666", "#E6E6E6"


LARGEST = 8_000
"""Px of a plot's width or height; a PNG has twice as many, and takes a gigabyte to draw."""


def check_size(*sizes: int | None) -> None:
    """Refuse a width or height that can't be drawn.

    Raises:
        UsageError: If one is below 1 or above 8,000 px.
    """
    for size in sizes:
        if size is not None and not 1 <= size <= LARGEST:
            raise UsageError(f"a plot is 1 to {LARGEST:,} px wide and high, not {size:,}")


def config() -> dict[str, Any]:
    """Return the Vega-Lite configuration of every plot."""
    return {
        "background": "white",
        "font": "Helvetica, Arial, Liberation Sans, sans-serif",
        "view": {"stroke": None},
        "range": {
            "category": list(PALETTE),
            "ramp": {"scheme": "viridis"},
            "heatmap": {"scheme": "viridis"},
        },
        "axis": {
            "labelFontSize": 13,
            "titleFontSize": 14,
            "titleFontWeight": "normal",
            "titleColor": INK,
            "labelColor": INK,
            "titlePadding": 10,
            "labelLimit": 0,
            "maxExtent": 500,
            "domainColor": FAINT,
            "tickColor": FAINT,
            "gridColor": GRID,
        },
        "axisXQuantitative": {"tickCount": 8},
        "axisXTemporal": {"tickCount": 8},
        "axisBand": {"grid": False},
        "legend": {
            "labelFontSize": 13,
            "titleFontSize": 13,
            "titleFontWeight": "normal",
            "labelLimit": 220,
            "symbolOpacity": 1,
        },
        "title": {
            "anchor": "start",
            "fontSize": 17,
            "subtitleFontSize": 12,
            "subtitleColor": FAINT,
            "color": INK,
            "offset": 12,
        },
    }
