"""The detector once more, slow and plain: sample by sample, as its description reads.

It shares nothing with the fast one but the params and NumPy's argsort, whose order among equal
scores is part of the description.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from kymflow.core.velocity_events import EventParams

Event = dict[str, Any]


def detect(t: Sequence[float], v: Sequence[float], params: EventParams) -> list[Event]:
    steps = [b - a for a, b in pairwise(t)]
    fs = 1 / median([step for step in steps if math.isfinite(step) and step > 0])
    events = shifts(t, v, fs, params)
    missing = [not math.isfinite(x) for x in v]
    zero = [math.isfinite(x) and abs(x) <= params.zero_gap.eps0 for x in v]
    events += gaps(t, v, missing, fs, params, "nan_gap", "nan_gap")
    events += gaps(t, v, zero, fs, params, "zero_gap", "other")
    return sorted(events, key=lambda event: event["t_start_s"])


def shifts(t: Sequence[float], v: Sequence[float], fs: float, params: EventParams) -> list[Event]:
    s = [abs(x) for x in v]
    n = len(s)
    w = max(5, round(params.win_cmp_sec * fs))
    usual = max(10, w // 5)
    m = params.min_valid_per_side or usual
    score = []
    for i in range(n):
        left, right = s[max(0, i - w) : i], s[i : i + w]
        enough = n_finite(left) >= m and n_finite(right) >= m
        score.append(median(right) - median(left) if enough else math.nan)
    finite = [x for x in score if math.isfinite(x)]
    if len(finite) < 50:
        return []
    middle = median(finite)
    mad = median([abs(x - middle) for x in finite])
    threshold = max(params.abs_score_floor, params.mad_k * 1.4826 * mad)
    half = (max(3, round(params.smooth_sec * fs)) | 1) // 2
    r = [median(s[max(0, i - half) : i + half + 1]) for i in range(n)]

    def event(kind: str, peak: int, candidate: bool = False) -> Event:
        left, right = s[max(0, peak - w) : peak], s[peak : peak + w]
        beside = left if kind == "baseline_drop" else right
        level = 0.5 * (median(beside) if n_finite(beside) >= usual else median(s))
        start = peak
        while start > 0 and (
            r[start - 1] <= level if kind == "baseline_drop" else r[start - 1] >= level
        ):
            start -= 1
        return {
            "event_type": kind,
            "i_start": start,
            "i_peak": peak,
            "t_start_s": t[start],
            "peak_t_s": t[peak],
            "peak_value": v[peak],
            "score": score[peak],
            "baseline_before": median(left),
            "baseline_after": median(right),
            "strength": ratio(abs(score[peak]), threshold),
            "machine_type": "stall_candidate" if kind == "baseline_drop" else "other",
            "candidate": candidate,
        }

    gap = round(params.merge_gap_sec * fs)
    drops, rises = [], []
    for first, last in runs([x <= -threshold for x in score], gap):
        inside = [i for i in range(first, last + 1) if not math.isnan(score[i])]
        drops.append(min(inside, key=lambda i: score[i]))
    for first, last in runs([x >= threshold for x in score], gap):
        inside = [i for i in range(first, last + 1) if not math.isnan(score[i])]
        rises.append(max(inside, key=lambda i: score[i]))
    chosen: list[int] = []
    if len(drops) < params.top_k_total:
        apart = max(1, round(params.min_sep_sec * fs))
        places = [i for i in range(n) if math.isfinite(score[i])]
        for place in np.argsort([score[i] for i in places]).tolist():
            if len(chosen) == params.top_k_total:
                break
            if all(abs(places[place] - other) > apart for other in chosen):
                chosen.append(places[place])
    filled_in = [i for i in chosen if i not in drops and i not in rises]
    return [
        *(event("baseline_drop", i) for i in drops),
        *(event("baseline_drop", i, candidate=True) for i in filled_in),
        *(event("baseline_rise", i) for i in rises),
    ]


def gaps(
    t: Sequence[float],
    v: Sequence[float],
    absent: Sequence[bool],
    fs: float,
    params: EventParams,
    event_type: str,
    machine_type: str,
) -> list[Event]:
    rules = params.nan_gap
    half = (max(3, round(rules.nan_win_sec * fs)) | 1) // 2
    inside, state = [], False
    for i in range(len(v)):
        window = absent[max(0, i - half) : i + half + 1]
        fraction = sum(window) / len(window)
        state = fraction > rules.exit_frac if state else fraction >= rules.enter_frac
        inside.append(state)
    events = []
    for first, last in runs(inside, round(rules.merge_gap_sec * fs)):
        duration = t[last] - t[first]
        if duration < rules.min_duration_sec:
            continue
        size = last - first + 1
        n_valid = n_finite(v[first : last + 1])
        events.append(
            {
                "event_type": event_type,
                "i_start": first,
                "i_end": last,
                "t_start_s": t[first],
                "t_end_s": t[last],
                "strength": sum(absent[first : last + 1]) / size * duration,
                "nan_fraction": (size - n_valid) / size,
                "n_valid": n_valid,
                "duration_s": duration,
                "machine_type": machine_type,
                "candidate": False,
            }
        )
    return events


def runs(flags: Sequence[bool], gap: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for i, flag in enumerate(flags):
        if flag and found and i - found[-1][1] - 1 <= gap:
            found[-1] = (found[-1][0], i)
        elif flag:
            found.append((i, i))
    return found


def median(values: Sequence[float]) -> float:
    known = sorted(x for x in values if not math.isnan(x))
    if not known:
        return math.nan
    middle = len(known) // 2
    return known[middle] if len(known) % 2 else (known[middle - 1] + known[middle]) / 2


def n_finite(values: Sequence[float]) -> int:
    return sum(math.isfinite(x) for x in values)


def ratio(value: float, by: float) -> float:
    if by == 0:
        return math.nan if value == 0 else math.inf
    return value / by
