"""Baseline shifts: where the median speed after a sample differs from that before it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from kymflow.core.velocity_events.params import EventParams
from kymflow.core.velocity_events.trace import Floats, Trace
from kymflow.core.velocity_events.windows import (
    WayBack,
    centred_medians,
    counts_beside,
    medians_beside,
    runs,
)

FEWEST_SCORES = 50
MAD_TO_SD = 1.4826
ONSET = 0.5
_CHUNK = 4096


def baseline_shifts(trace: Trace, params: EventParams) -> list[dict[str, Any]]:
    """Return the drops, then the rises, as values of the event schema's columns.

    Drops that are there only because ``top_k_total`` asks for so many are ``candidate``.

    Args:
        trace: The trace, of two samples or more.
        params: The params.
    """
    shifts = _Shifts(trace, params)
    scores = shifts.score[np.isfinite(shifts.score)]
    if scores.size < FEWEST_SCORES:
        return []
    deviation = float(np.median(np.abs(scores - np.median(scores))))
    threshold = max(params.abs_score_floor, params.mad_k * MAD_TO_SD * deviation)

    gap = trace.samples(params.merge_gap_sec)
    drops = list(_peaks(-shifts.score, threshold, gap))
    rises = list(_peaks(shifts.score, threshold, gap))
    candidates: list[int] = []
    if len(drops) < params.top_k_total:
        apart = max(1, trace.samples(params.min_sep_sec))
        known = {*drops, *rises}
        further = _deepest(shifts.score, params.top_k_total, apart)
        candidates = [peak for peak in further if peak not in known]
    return [
        *(shifts.event("baseline_drop", peak, threshold) for peak in drops),
        *(
            shifts.event("baseline_drop", peak, threshold) | {"candidate": True}
            for peak in candidates
        ),
        *(shifts.event("baseline_rise", peak, threshold) for peak in rises),
    ]


class _Shifts:
    """The score of a trace and what else an event takes from it."""

    def __init__(self, trace: Trace, params: EventParams) -> None:
        width = max(5, trace.samples(params.win_cmp_sec))
        self._usual = max(10, width // 5)
        needed = params.min_valid_per_side or self._usual
        self._trace = trace
        self._before, self._after = medians_beside(trace.speed, width)
        self._n_before, self._n_after = counts_beside(trace.finite, width)
        with np.errstate(invalid="ignore"):  # infinite velocities
            self.score: Floats = self._after - self._before
        self.score[(self._n_before < needed) | (self._n_after < needed)] = np.nan
        smoothed = centred_medians(trace.speed, max(3, trace.samples(params.smooth_sec)) | 1)
        self._slow, self._fast = WayBack(-smoothed), WayBack(smoothed)

    def event(self, event_type: str, peak: int, threshold: float) -> dict[str, Any]:
        drop = event_type == "baseline_drop"
        start = self._drop_onset(peak) if drop else self._rise_onset(peak)
        score = float(self.score[peak])
        with np.errstate(all="ignore"):
            strength = float(np.float64(abs(score)) / threshold)
        return {
            "event_type": event_type,
            "i_start": start,
            "i_peak": peak,
            "t_start_s": float(self._trace.time[start]),
            "peak_t_s": float(self._trace.time[peak]),
            "peak_value": float(self._trace.velocity[peak]),
            "score": score,
            "baseline_before": float(self._before[peak]),
            "baseline_after": float(self._after[peak]),
            "strength": strength,
            "machine_type": "stall_candidate" if drop else "other",
        }

    def _drop_onset(self, peak: int) -> int:
        return self._slow.start(peak, -ONSET * self._baseline(self._before, self._n_before, peak))

    def _rise_onset(self, peak: int) -> int:
        return self._fast.start(peak, ONSET * self._baseline(self._after, self._n_after, peak))

    def _baseline(self, medians: Floats, counts: Any, peak: int) -> float:
        if counts[peak] >= self._usual:
            return float(medians[peak])
        return float(np.nanmedian(self._trace.speed))


def _peaks(score: Floats, threshold: float, gap: int) -> Iterator[int]:
    """Yield the highest sample of each stretch at or above a threshold, the first of equals."""
    for first, last in runs(score >= threshold, gap):
        yield first + int(np.nanargmax(score[first : last + 1]))


def _deepest(score: Floats, most: int, apart: int) -> list[int]:
    """Return the samples of lowest score, each further than ``apart`` from all before it."""
    finite = np.flatnonzero(np.isfinite(score))
    order = finite[np.argsort(score[finite])]
    near = np.zeros(len(score), dtype=bool)
    chosen: list[int] = []
    for begin in range(0, len(order), _CHUNK):
        chunk = order[begin : begin + _CHUNK]
        while (chunk := chunk[~near[chunk]]).size:
            chosen.append(int(chunk[0]))
            if len(chosen) == most:
                return chosen
            near[max(0, chosen[-1] - apart) : chosen[-1] + apart + 1] = True
    return chosen
