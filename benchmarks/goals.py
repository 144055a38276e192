"""Every goal, and how it is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Metric = Literal["ratio", "seconds", "extra_ms", "us_per_image", "growth", "peak_mb", "peak_growth"]
UNITS: dict[Metric, str] = {
    "ratio": "× floor",
    "seconds": " s",
    "extra_ms": " ms over floor",
    "us_per_image": " µs per image over floor",
    "growth": " growth",
    "peak_mb": " MB",
    "peak_growth": "× MB of a fifth",
}


@dataclass(frozen=True, slots=True)
class Goal:
    """One limit.

    Attributes:
        case: The case's name.
        metric: The measure that is limited.
        limit: The most it may be, in the metric's unit.
        images: The size it is judged at; None: at every size.
        or_ms: Also met if kymflow takes at most this much longer than the floor, ms.
    """

    case: str
    metric: Metric
    limit: float
    images: int | None = None
    or_ms: float | None = None

    @property
    def text(self) -> str:
        """The limit in words."""
        other = "" if self.or_ms is None else f" or {self.or_ms:g} ms over"
        return f"≤ {self.limit:g}{UNITS[self.metric]}{other}"


LARGE, MILLION = 100_000, 1_000_000
TEN_MILLION_ROWS = 500_000
"""Images that have so many rows, at 20 rows per image."""
FLAT = 0.176
"""Growth at which ten times the images take 1.5 times as long."""

GOALS = (
    Goal("full-build", "ratio", 1.5, LARGE),
    Goal("full-build", "growth", 1.05, LARGE),
    Goal("full-build", "peak_mb", 700, LARGE),
    Goal("full-build", "peak_growth", 1.15, LARGE),
    Goal("no-op", "ratio", 1.5, LARGE),
    Goal("no-op", "growth", 1.05, LARGE),
    Goal("changed", "ratio", 1.3, LARGE),
    Goal("changed", "growth", 1.05, LARGE),
    Goal("changed-together", "ratio", 1.3, LARGE),
    Goal("decide", "ratio", 1.3, MILLION),
    Goal("commit-percent", "ratio", 0.3, TEN_MILLION_ROWS),
    Goal("commit-one", "seconds", 0.05),
    Goal("commit-one", "growth", FLAT, TEN_MILLION_ROWS),
    Goal("per-image", "us_per_image", 50, LARGE),
    Goal("query-lookup", "ratio", 1.1, or_ms=20),
    Goal("query-by-type", "ratio", 1.1, or_ms=20),
    Goal("query-by-image", "ratio", 1.1, or_ms=20),
    Goal("query-strongest", "ratio", 1.1, or_ms=20),
    Goal("detect", "ratio", 5.0),
    Goal("detect-loop", "ratio", 0.02),
    Goal("velocity", "ratio", 0.01),
    Goal("velocity", "peak_mb", 300),
    Goal("velocity-long", "ratio", 1.1),
    Goal("velocity-long", "peak_mb", 300),
    Goal("import", "extra_ms", 60),
    Goal("help", "seconds", 0.25),
    Goal("question", "ratio", 2.5),
)
