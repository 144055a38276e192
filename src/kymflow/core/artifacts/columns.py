"""The columns of events, of traces in figures, and of verdicts, each with its type in SQL.

Views need no more; frames have their schemas from here, see :mod:`~.artifacts.schemas`. So a
question in SQL does not load Polars, which takes 0.1 s.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EVENT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "roi_id": "INTEGER",
        "channel": "INTEGER",
        "event_id": "VARCHAR",
        "event_type": "VARCHAR",
        "i_start": "BIGINT",
        "i_peak": "BIGINT",
        "i_end": "BIGINT",
        "t_start_s": "DOUBLE",
        "peak_t_s": "DOUBLE",
        "t_end_s": "DOUBLE",
        "peak_value": "DOUBLE",
        "score": "DOUBLE",
        "baseline_before": "DOUBLE",
        "baseline_after": "DOUBLE",
        "strength": "DOUBLE",
        "nan_fraction": "DOUBLE",
        "n_valid": "BIGINT",
        "duration_s": "DOUBLE",
        "machine_type": "VARCHAR",
        "candidate": "BOOLEAN",
        "user_type": "VARCHAR",
        "note": "VARCHAR",
    }
)
"""Columns of an event: ROI and channel (1-based), sample indices into the trace, times in s,
velocities and baselines in mm/s. ``candidate`` is true for drops that only fill up to
``top_k_total``, false for all others, null where whoever found the event does not say."""

EVENT_TIMES = ("t_start_s", "peak_t_s", "t_end_s", "duration_s")
"""Columns that hold times, s."""

QUANTILES = (5, 25, 75, 95)
"""Quantiles that describe the velocities of a trace, percent."""
FIGURES = ("mean", "median", "std", "se", "cv", "min", "max", *(f"q{q:02d}" for q in QUANTILES))
"""Figures of velocities and of speeds: ``mean_velocity``, ``mean_speed``, …, mm/s but for cv."""
PIXELS = ("pixel_min", "pixel_max", "pixel_mean", "pixel_std")
"""Figures of the pixels in a ROI, in the image's own units."""
VELOCITY_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "roi_id": "INTEGER",
        "channel": "INTEGER",
        "measured": "BOOLEAN",
        "n_windows": "BIGINT",
        "n_nan": "BIGINT",
        "n_zero": "BIGINT",
        **{f"{name}_{of}": "DOUBLE" for of in ("velocity", "speed") for name in FIGURES},
        "direction": "INTEGER",
        "against_fraction": "DOUBLE",
        "mean_quality": "DOUBLE",
        **dict.fromkeys(PIXELS, "DOUBLE"),
    }
)
"""Columns of a trace in figures, see :class:`~kymflow.core.kym_dataset.VelocityIndexer`."""

VERDICT_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "image_id": "VARCHAR",
        "reviewer": "VARCHAR",
        "roi_id": "INTEGER",
        "channel": "INTEGER",
        "event_id": "VARCHAR",
        "verdict": "VARCHAR",
        "label": "VARCHAR",
        "rejected": "BOOLEAN",
        "settled": "VARCHAR",
        "note": "VARCHAR",
        "added": "BOOLEAN",
        "edited": "BOOLEAN",
        "removed": "BOOLEAN",
        "t_start_s": "DOUBLE",
        "peak_t_s": "DOUBLE",
        "t_end_s": "DOUBLE",
        "n_decisions": "BIGINT",
        "decided_at": "TIMESTAMP WITH TIME ZONE",
    }
)
"""Columns of a verdict, see :class:`~kymflow.core.review.verdicts.ReviewIndexer`."""
