"""Velocity events: their artifacts, their schema, and the older names of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import polars as pl

TRACE_ARTIFACT = "velocity/trace"
EVENTS_ARTIFACT = "velocity_events/events"
PARAMS_ARTIFACT = "velocity_events/params"

EVENT_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "roi_id": pl.Int32(),
        "channel": pl.Int32(),
        "event_id": pl.String(),
        "event_type": pl.String(),
        "i_start": pl.Int64(),
        "i_peak": pl.Int64(),
        "i_end": pl.Int64(),
        "t_start_s": pl.Float64(),
        "peak_t_s": pl.Float64(),
        "t_end_s": pl.Float64(),
        "peak_value": pl.Float64(),
        "score": pl.Float64(),
        "baseline_before": pl.Float64(),
        "baseline_after": pl.Float64(),
        "strength": pl.Float64(),
        "nan_fraction": pl.Float64(),
        "n_valid": pl.Int64(),
        "duration_s": pl.Float64(),
        "machine_type": pl.String(),
        "candidate": pl.Boolean(),
        "user_type": pl.String(),
        "note": pl.String(),
    }
)
"""Columns of an event: ROI and channel (1-based), sample indices into the trace, times in s,
velocities and baselines in mm/s. ``candidate`` is true for drops that only fill up to
``top_k_total``, false for all others, null where whoever found the event does not say."""

EVENT_TIMES = ("t_start_s", "peak_t_s", "t_end_s", "duration_s")
"""Columns that hold times, s."""

COLUMN_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "t_start": "t_start_s",
        "t_peak": "peak_t_s",
        "t_end": "t_end_s",
        "score_peak": "score",
        "nan_fraction_in_event": "nan_fraction",
        "n_valid_in_event": "n_valid",
        "duration_sec": "duration_s",
    }
)
"""Older column names, each with today's."""


DEFAULT_PARAMS: Mapping[str, Any] = MappingProxyType(
    {
        "win_cmp_sec": 0.25,
        "smooth_sec": 0.1,
        "min_valid_per_side": None,
        "mad_k": 3.0,
        "abs_score_floor": 0.25,
        "merge_gap_sec": 0.10,
        "top_k_total": 2,
        "min_sep_sec": 0.75,
        "nan_gap": {
            "nan_win_sec": 0.10,
            "enter_frac": 0.40,
            "exit_frac": 0.20,
            "min_duration_sec": 0.2,
            "merge_gap_sec": 0.05,
        },
        "zero_gap": {"eps0": 0.0},
    }
)
"""Params of events whose image holds none: the detector's documented defaults; times in s,
``abs_score_floor`` in mm/s."""
