"""What the panels of an image's picture share: the time they show, and their axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import altair as alt

AXIS = 58
"""Room for the vertical axes, px: the same for all, so that the panels stand in line."""


@dataclass(frozen=True, slots=True)
class Span:
    """What time is drawn, and how wide.

    Attributes:
        start: Of the time axis.
        end: Of the time axis.
        unit: ``s``, or ``line`` where the time of a line is not known.
        width: Of the panels, px.
    """

    start: float
    end: float
    unit: str
    width: int

    def x(self, field: str, *, last: bool) -> alt.X:
        """Return the time channel; only the last panel names it."""
        title = f"time ({self.unit})" if last else None
        axis = alt.Axis(title=title, labels=last, labelFlush=False)
        scale = alt.Scale(domain=[self.start, self.end], nice=False, zero=False)
        return alt.X(field, type="quantitative", scale=scale, axis=axis)


def y_axis(**more: Any) -> alt.Axis:
    """Return the axis of a panel's heights."""
    return alt.Axis(minExtent=AXIS, maxExtent=AXIS, titlePadding=6, **more)
