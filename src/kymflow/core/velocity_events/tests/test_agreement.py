"""The fast detector finds what the plain one and the reference answers say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.artifacts.events import COLUMN_ALIASES
from kymflow.core.lab_folder.traces import read_trace
from kymflow.core.velocity_events import EventParams, detect_events
from kymflow.core.velocity_events.tests import plain, traces


def found_by_both(time: np.ndarray, velocity: np.ndarray, params: EventParams) -> int:
    """Compare the two, floats bit by bit; return the number of events."""
    fast = detect_events(time, velocity, params)
    slow = plain.detect(time.tolist(), velocity.tolist(), params)
    assert fast["event_id"].to_list() == [str(number) for number in range(len(slow))]
    for got, expected in zip(fast.iter_rows(named=True), slow, strict=True):
        human = {"event_id": got["event_id"], "user_type": "unreviewed", "note": ""}
        known = {name: value for name, value in got.items() if value is not None}
        assert known == human | {k: x for k, x in expected.items() if x == x}
    return fast.height


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_fast_and_plain_agree(data: st.DataObject) -> None:
    velocity = data.draw(traces.velocities)
    time = data.draw(traces.times(len(velocity)))
    found_by_both(time, velocity, data.draw(traces.params))


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_fast_and_plain_agree_with_the_defaults(data: st.DataObject) -> None:
    velocity = data.draw(traces.velocities)
    found_by_both(np.arange(len(velocity)) / 97.0, velocity, EventParams())


@pytest.mark.parametrize("seed", range(3))
def test_they_agree_on_traces_as_long_as_real_ones(seed: int) -> None:
    rng = np.random.default_rng(seed)
    velocity = np.round(1.5 + 0.3 * np.sin(np.arange(7500) / 5) + rng.normal(0, 0.2, 7500), 3)
    for begin in rng.integers(0, 7000, 6):
        velocity[begin : begin + 400] *= rng.uniform(0, 0.5)
    velocity[rng.random(7500) < 0.06] = np.nan
    velocity[3000:3080] = np.nan
    velocity[5000:5070] = 0
    assert found_by_both(0.01 + np.arange(7500) / 220.465, velocity, EventParams()) > 5


def test_every_reference_answer_is_met(lab_data: Path) -> None:
    answers = json.loads((lab_data / "expected" / "velocity_events.json").read_text())
    files = {path.name: path for path in (lab_data / "lab").rglob("*.csv")}
    for key, expected in answers.items():
        name, roi_id = key.split("#")
        trace = read_trace(files[name]).filter(pl.col("roi_id") == int(roi_id))
        events = detect_events(trace["time"], trace["velocity"])
        assert events.height == len(expected), key
        for got, event in zip(events.iter_rows(named=True), expected, strict=True):
            for column, value in event.items():
                mine = got[COLUMN_ALIASES.get(column, column)]
                if isinstance(value, float):
                    assert math.isclose(mine, value, rel_tol=0, abs_tol=1e-9), (key, column)
                else:
                    assert mine == value, (key, column)


def test_what_was_filled_in_on_the_real_traces_is_a_candidate(lab_data: Path) -> None:
    """By hand from the reference answers: too weak, or one sample beside an equal drop."""
    answers = json.loads((lab_data / "expected" / "velocity_events.json").read_text())
    files = {path.name: path for path in (lab_data / "lab").rglob("*.csv")}
    candidates, weak = set(), set()
    for key, expected in answers.items():
        name, roi_id = key.split("#")
        trace = read_trace(files[name]).filter(pl.col("roi_id") == int(roi_id))
        events = detect_events(trace["time"], trace["velocity"])
        filled_in = events.filter("candidate")
        candidates |= {(key, peak) for peak in filled_in["i_peak"]}
        weak |= {
            (key, event["i_peak"])
            for event in expected
            if event["event_type"] == "baseline_drop" and event["strength"] < 1
        }
        assert filled_in["event_type"].is_in(["baseline_drop"]).all()
        assert events["candidate"].null_count() == 0
    assert candidates - weak == {("20250722_A89_0002_kymanalysis.csv#1", 221)}
    assert weak <= candidates
