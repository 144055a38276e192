"""What the detector does at the edges, as its docstring says."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.errors import TraceError
from kymflow.core.velocity_events import EventParams, NanGapParams, ZeroGapParams, detect_events

RATE = 200.0
NO_BACKSTOP = EventParams(top_k_total=0)


def even(n: int) -> np.ndarray:
    return np.arange(n) / RATE


def stalled(n: int = 2000) -> np.ndarray:
    """Return a steady flow that stops from one third to two thirds of the time, with noise."""
    velocity = 1.0 + np.random.default_rng(0).normal(0, 0.05, n)
    velocity[n // 3 : 2 * n // 3] *= 0.1
    return velocity


def test_a_stall_is_a_drop_and_a_rise() -> None:
    velocity = stalled()
    events = detect_events(even(2000), -velocity, NO_BACKSTOP)
    assert events.columns == [c for c in EVENT_SCHEMA if c not in ("roi_id", "channel")]
    drop, rise = events.iter_rows(named=True)
    assert (drop["event_type"], drop["machine_type"]) == ("baseline_drop", "stall_candidate")
    assert (rise["event_type"], rise["machine_type"]) == ("baseline_rise", "other")
    assert (drop["i_peak"], rise["i_peak"]) == (666, 1330)
    assert drop["peak_t_s"] == 666 / RATE
    assert drop["peak_value"] == -velocity[666]
    assert drop["baseline_before"] == pytest.approx(1.0, abs=0.05)
    assert drop["score"] == drop["baseline_after"] - drop["baseline_before"]
    assert drop["strength"] > 1
    assert [drop[c] for c in ("i_end", "t_end_s", "duration_s", "nan_fraction", "n_valid")] == (
        [None] * 5
    )


def test_a_gap_says_when_how_long_and_how_empty() -> None:
    velocity = stalled()
    velocity[1000:1100] = np.nan
    velocity[1500:1600] = 0
    velocity[1540] = np.nan
    events = detect_events(even(2000), velocity, NO_BACKSTOP)
    [gap] = events.filter(pl.col("event_type") == "nan_gap").iter_rows(named=True)
    assert (gap["i_start"], gap["i_end"]) == (998, 1105)
    assert gap["duration_s"] == gap["t_end_s"] - gap["t_start_s"]
    assert (gap["nan_fraction"], gap["n_valid"]) == (100 / 108, 8)
    assert gap["strength"] == 100 / 108 * gap["duration_s"]
    assert [gap[c] for c in ("i_peak", "peak_t_s", "peak_value", "score", "baseline_before")] == (
        [None] * 5
    )
    [zeros] = events.filter(pl.col("event_type") == "zero_gap").iter_rows(named=True)
    assert (zeros["machine_type"], zeros["i_start"], zeros["i_end"]) == ("other", 1498, 1605)
    assert (zeros["nan_fraction"], zeros["n_valid"]) == (1 / 108, 107)
    assert zeros["strength"] == 99 / 108 * zeros["duration_s"]


def test_events_stand_by_their_start() -> None:
    velocity = stalled()
    velocity[500:600] = np.nan
    events = detect_events(even(2000), velocity, EventParams(top_k_total=5))
    assert set(events["event_type"]) == {"baseline_drop", "baseline_rise", "nan_gap"}
    assert events["t_start_s"].is_sorted()
    assert events["event_id"].to_list() == [str(number) for number in range(events.height)]


@pytest.mark.parametrize("n", [0, 1])
def test_no_trace_to_speak_of(n: int) -> None:
    for velocity in (np.ones(n), np.full(n, np.nan)):
        events = detect_events(even(n), velocity)
        assert (events.height, events.width) == (0, len(EVENT_SCHEMA) - 2)
        assert events.schema["i_peak"] == pl.Int64


def test_all_missing_is_one_gap_if_it_lasts() -> None:
    events = detect_events(even(400), np.full(400, np.nan))
    assert events.select("event_type", "i_start", "i_end", "nan_fraction").rows() == [
        ("nan_gap", 0, 399, 1.0)
    ]
    assert detect_events(even(40), np.full(40, np.nan)).is_empty()


def test_constant_flow_has_no_events_but_what_the_backstop_asks_for() -> None:
    assert detect_events(even(2000), np.ones(2000), NO_BACKSTOP).is_empty()
    fallback = detect_events(even(2000), np.ones(2000))
    assert fallback["event_type"].to_list() == ["baseline_drop"] * 2
    assert fallback["score"].to_list() == [0.0, 0.0]
    flat = EventParams(top_k_total=0, abs_score_floor=0)
    assert detect_events(even(2000), np.ones(2000), flat)["strength"].to_list() == [None, None]


def test_short_traces_have_no_baseline_shifts() -> None:
    step = np.repeat([1.0, 0.1], 34)
    assert detect_events(even(68), step, EventParams()).is_empty()
    assert detect_events(even(80), np.repeat([1.0, 0.1], 40), EventParams()).height


def test_only_positive_steps_make_the_rate() -> None:
    velocity = stalled()
    events = detect_events(even(2000), velocity, NO_BACKSTOP)
    repeated = even(2000)
    repeated[1::10] = repeated[0::10]
    backward = even(2000)
    backward[100:110] = backward[100:110][::-1].copy()
    missing = even(2000)
    missing[77] = np.nan
    for time in (repeated, backward, missing):
        found = detect_events(time, velocity, NO_BACKSTOP)
        assert found["i_peak"].to_list() == events["i_peak"].to_list()


def test_a_gap_in_time_has_no_samples_and_is_no_gap() -> None:
    time = even(2000)
    time[1000:] += 60.0
    velocity = stalled()
    before, after = (detect_events(t, velocity, NO_BACKSTOP) for t in (even(2000), time))
    assert before["i_peak"].to_list() == after["i_peak"].to_list()
    later = (after["peak_t_s"] - before["peak_t_s"]).to_list()
    assert later == [0.0, pytest.approx(60.0)]


def test_times_that_are_missing_are_missing_in_the_event() -> None:
    time = even(2000)
    time[666] = np.nan
    events = detect_events(time, stalled(), NO_BACKSTOP)
    assert events["peak_t_s"].to_list() == [1330 / RATE, None]


@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_velocities_are_no_evidence(infinity: float) -> None:
    velocity = stalled()
    velocity[1000:1100] = infinity
    events = detect_events(even(2000), velocity, NO_BACKSTOP)
    [gap] = events.filter(pl.col("event_type") == "nan_gap").iter_rows(named=True)
    assert (gap["n_valid"], gap["nan_fraction"]) == (8, 100 / 108)
    all_infinite = detect_events(even(400), np.full(400, infinity))
    assert all_infinite["event_type"].to_list() == ["nan_gap"]


def test_a_few_infinities_count_as_fast_and_change_no_event() -> None:
    velocity = stalled()
    events = detect_events(even(2000), velocity, NO_BACKSTOP)
    velocity[::50] = np.inf
    found = detect_events(even(2000), velocity, NO_BACKSTOP)
    assert found["event_type"].to_list() == events["event_type"].to_list()
    assert np.isfinite(found["score"].to_numpy()).all()


def test_any_kind_of_numbers_will_do() -> None:
    velocity = np.round(stalled(), 2).astype(np.float32)
    events = detect_events(even(2000), velocity.astype(np.float64))
    assert events.height
    for same in (velocity, pl.Series(velocity), velocity.tolist(), velocity[::-1][::-1]):
        assert detect_events(even(2000), same).equals(events)
    whole = np.round(10 * stalled()).astype(np.int16)
    assert detect_events(pl.Series(even(2000)), whole).equals(
        detect_events(even(2000), whole.astype(float))
    )
    velocity[40:50] = np.nan
    nulls = pl.Series(velocity).fill_nan(None)
    assert detect_events(even(2000), nulls).equals(detect_events(even(2000), velocity))


def test_input_is_left_as_it_was() -> None:
    time, velocity = even(2000), stalled()
    kept = time.copy(), velocity.copy()
    detect_events(time, velocity)
    assert np.array_equal(time, kept[0])
    assert np.array_equal(velocity, kept[1])


@pytest.mark.parametrize(
    ("time", "velocity", "message"),
    [
        ([0.0, 1.0], [1.0], "time has 2 samples and velocity 1"),
        ([[0.0], [1.0]], [[1.0], [1.0]], "one dimension, not 2"),
        ([0.0, 1.0], ["fast", "slow"], "velocity does not hold numbers only"),
        (pl.Series(["x", "y"]), [1.0, 1.0], "time does not hold numbers only"),
        ([1.0, 1.0, 1.0], [1.0, 1.0, 1.0], "never moves on"),
        ([2.0, 1.0], [1.0, 1.0], "never moves on"),
        ([np.nan, np.nan], [1.0, 1.0], "never moves on"),
    ],
)
def test_what_is_no_trace_is_refused(time: object, velocity: object, message: str) -> None:
    with pytest.raises(TraceError, match=message):
        detect_events(time, velocity)


def test_params_beyond_the_trace_change_nothing_but_the_events() -> None:
    long = EventParams(
        win_cmp_sec=1e9,
        smooth_sec=1e300,
        merge_gap_sec=1e300,
        min_sep_sec=1e300,
        min_valid_per_side=5,
        nan_gap=NanGapParams(nan_win_sec=1e9, merge_gap_sec=1e9),
        zero_gap=ZeroGapParams(eps0=10),
    )
    events = detect_events(even(500), np.full(500, 1.0), long)
    assert events["event_type"].to_list().count("zero_gap") == 1
    assert events["event_type"].to_list().count("baseline_drop") == 1


@pytest.mark.parametrize("n", [1_000_000, pytest.param(10_000_000, marks=pytest.mark.long)])
def test_millions_of_samples(n: int) -> None:
    velocity = np.tile(stalled(), n // 2000)
    velocity[n // 2 : n // 2 + 100] = np.nan
    events = detect_events(even(n), velocity)
    kinds = events["event_type"].value_counts()
    counts = dict(zip(kinds["event_type"], kinds["count"], strict=True))
    assert counts["nan_gap"] == 1
    assert counts["baseline_drop"] == pytest.approx(n / 2000, abs=2)
    assert counts["baseline_rise"] == pytest.approx(n / 2000, abs=2)
