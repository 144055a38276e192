"""Velocity events: their artifacts, the older names of their columns, the params by default."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

TRACE_ARTIFACT = "velocity/trace"
EVENTS_ARTIFACT = "velocity_events/events"
PARAMS_ARTIFACT = "velocity_events/params"

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

DEFAULT_WINDOW_S = float(DEFAULT_PARAMS["win_cmp_sec"])
"""How far a detector compares whose params don't say, s."""
