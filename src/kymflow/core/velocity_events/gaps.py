"""Gaps: stretches of a trace in which velocities are missing, or zero."""

from __future__ import annotations

from typing import Any

import numpy as np

from kymflow.core.velocity_events.params import EventParams, NanGapParams
from kymflow.core.velocity_events.trace import Floats, Mask, Trace
from kymflow.core.velocity_events.windows import centred_fractions, runs


def nan_gaps(trace: Trace, params: EventParams) -> list[dict[str, Any]]:
    """Return the gaps without velocities, as values of the event schema's columns."""
    return _gaps(trace, ~trace.finite, params.nan_gap, "nan_gap", "nan_gap")


def zero_gaps(trace: Trace, params: EventParams) -> list[dict[str, Any]]:
    """Return the gaps of velocity zero, as values of the event schema's columns."""
    zero = trace.finite & (trace.speed <= params.zero_gap.eps0)
    return _gaps(trace, zero, params.nan_gap, "zero_gap", "other")


def _gaps(
    trace: Trace, mask: Mask, params: NanGapParams, event_type: str, machine_type: str
) -> list[dict[str, Any]]:
    if not mask.any():
        return []
    fraction = centred_fractions(mask, max(3, trace.samples(params.nan_win_sec)) | 1)
    inside = _hysteresis(fraction, params.enter_frac, params.exit_frac)
    events = []
    for first, last in runs(inside, trace.samples(params.merge_gap_sec)):
        begin, end = float(trace.time[first]), float(trace.time[last])
        if end - begin < params.min_duration_sec:
            continue
        within = slice(first, last + 1)
        n_valid = int(np.count_nonzero(trace.finite[within]))
        size = last + 1 - first
        events.append(
            {
                "event_type": event_type,
                "i_start": first,
                "i_end": last,
                "t_start_s": begin,
                "t_end_s": end,
                "strength": int(np.count_nonzero(mask[within])) / size * (end - begin),
                "nan_fraction": (size - n_valid) / size,
                "n_valid": n_valid,
                "duration_s": end - begin,
                "machine_type": machine_type,
            }
        )
    return events


def _hysteresis(fraction: Floats, enter: float, leave: float) -> Mask:
    """Return the samples from each that reaches ``enter`` until one that is down to ``leave``."""
    turns = (fraction >= enter) | (fraction <= leave)
    latest = np.maximum.accumulate(np.where(turns, np.arange(len(fraction)), 0))
    inside: Mask = fraction[latest] >= enter
    return inside
