"""Moving medians, runs and ways back against what they stand for, at every length and window."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.core.velocity_events import windows
from kymflow.core.velocity_events.tests import plain

values = st.lists(
    st.sampled_from([0.0, 0.5, 1.0, 1.5, math.nan, math.inf]) | st.floats(0, 9), min_size=1
)
widths = st.integers(1, 300)


@given(values, widths)
def test_medians_beside(values: list[float], width: int) -> None:
    before, after = windows.medians_beside(np.array(values), width)
    places = range(len(values))
    assert same(before, [plain.median(values[max(0, i - width) : i]) for i in places])
    assert same(after, [plain.median(values[i : i + width]) for i in places])


@given(values, widths.map(lambda width: width | 1))
def test_centred_medians(values: list[float], width: int) -> None:
    half = width // 2
    medians = windows.centred_medians(np.array(values), width)
    expected = [plain.median(values[max(0, i - half) : i + half + 1]) for i in range(len(values))]
    assert same(medians, expected)


@given(st.lists(st.booleans(), min_size=1), widths)
def test_counts_and_fractions(flags: list[bool], width: int) -> None:
    places = range(len(flags))
    before, after = windows.counts_beside(np.array(flags), width)
    assert before.tolist() == [sum(flags[max(0, i - width) : i]) for i in places]
    assert after.tolist() == [sum(flags[i : i + width]) for i in places]
    around = [flags[max(0, i - width) : i + width + 1] for i in places]
    fractions = windows.centred_fractions(np.array(flags), 2 * width + 1)
    assert fractions.tolist() == [sum(each) / len(each) for each in around]


@given(st.lists(st.booleans()), st.integers(0, 5))
def test_runs(flags: list[bool], gap: int) -> None:
    assert windows.runs(np.array(flags, dtype=bool), gap) == plain.runs(flags, gap)


@pytest.mark.parametrize("block", [1, 3, 1024])
@given(values=values, limit=st.sampled_from([0.5, 1.0, -math.inf, math.inf, math.nan]))
def test_way_back(block: int, values: list[float], limit: float) -> None:
    way = windows.WayBack(np.array(values), block)
    for place in range(len(values)):
        start = place
        while start > 0 and values[start - 1] >= limit:
            start -= 1
        assert way.start(place, limit) == start


def same(found: np.ndarray, expected: list[float]) -> bool:
    return np.array_equal(found, np.array(expected), equal_nan=True)
