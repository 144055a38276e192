"""Traces of many kinds, for Hypothesis."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from kymflow.core.velocity_events import EventParams, NanGapParams, ZeroGapParams

RATES = (20.0, 97.0, 220.465, 1000.0)

levels = st.sampled_from([0.0, -0.0, 0.1, 0.5, 1.0, -1.0, 2.5, -0.3])
lengths = st.integers(1, 150)


@st.composite
def stretches(draw: st.DrawFn) -> np.ndarray:
    """A stretch of one kind."""
    kind = draw(
        st.sampled_from(["plateau", "noise", "coarse noise", "ramp", "nan", "sparse nan", "inf"])
    )
    n, level = draw(lengths), draw(levels)
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    if kind == "plateau":
        return np.full(n, level)
    if kind == "noise":
        return level + rng.normal(0, 0.4, n)
    if kind == "coarse noise":  # many ties
        return np.round(level + rng.normal(0, 0.4, n), 1)
    if kind == "ramp":
        return np.linspace(level, draw(levels), n)
    if kind == "nan":
        return np.full(n, np.nan)
    values = level + rng.normal(0, 0.1, n)
    if kind == "sparse nan":
        values[rng.random(n) < draw(st.sampled_from([0.1, 0.3, 0.5, 0.9]))] = np.nan
        return values
    values[rng.random(n) < 0.3] = draw(st.sampled_from([np.inf, -np.inf]))
    return values


velocities = (
    st.lists(stretches(), min_size=1, max_size=6).map(np.concatenate).filter(lambda v: len(v) > 1)
)


@st.composite
def times(draw: st.DrawFn, n: int) -> np.ndarray:
    """Times of n samples: even, or jittered, with a gap, repeated, or out of order."""
    even = draw(st.sampled_from([0.0, 12.5])) + np.arange(n) / draw(st.sampled_from(RATES))
    kind = draw(st.sampled_from(["even", "even", "jittered", "gap", "repeated", "unsorted"]))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    if kind == "jittered":
        even = even + rng.normal(0, 0.1, n) * even[1]
    if kind == "gap":
        even[n // 2 :] += 3.0
    if kind == "repeated":
        even = np.repeat(even[::2], 2)[:n]
    if kind == "unsorted":
        even = even[rng.permutation(n)]
    moves_on = bool((np.diff(even) > 0).any())
    return even if moves_on else np.sort(even) + np.arange(n) * 0.01


def seconds(most: float) -> st.SearchStrategy[float]:
    """Durations, often whole numbers of samples, where a limit is met exactly."""
    return st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.2, 0.3]), st.floats(0, most))


params = st.builds(
    EventParams,
    win_cmp_sec=st.one_of(st.just(0.25), st.floats(0.01, 2.0)),
    smooth_sec=seconds(1.0),
    min_valid_per_side=st.one_of(st.none(), st.integers(0, 40)),
    mad_k=st.one_of(st.just(0), st.floats(0, 5)),
    abs_score_floor=st.sampled_from([0.0, 0.1, 0.25, 0.4, 0.5, 1.0]),
    merge_gap_sec=seconds(1.0),
    top_k_total=st.integers(0, 8),
    min_sep_sec=seconds(2.0),
    nan_gap=st.builds(
        NanGapParams,
        nan_win_sec=seconds(0.5),
        enter_frac=st.floats(0.3, 1.0),
        exit_frac=st.floats(0, 0.29),
        min_duration_sec=seconds(0.4),
        merge_gap_sec=seconds(0.5),
    ),
    zero_gap=st.builds(ZeroGapParams, eps0=st.sampled_from([0.0, 0.1, 0.4])),
)
