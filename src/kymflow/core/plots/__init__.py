"""Pictures from frames and of images, with good defaults.

Names are loaded when first used, so that importing this package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.plots.chart import PlotNote, plot
    from kymflow.core.plots.image import draw_image
    from kymflow.core.plots.saving import save

KINDS = ("line", "bar", "hist", "scatter", "box")
ENDINGS = (".png", ".svg", ".html")
WIDTH = 1000
"""Of an image's picture, px, without axes."""

__all__ = ["ENDINGS", "KINDS", "WIDTH", "PlotNote", "draw_image", "plot", "save"]

_HOMES = {"PlotNote": "chart", "draw_image": "image", "plot": "chart", "save": "saving"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
