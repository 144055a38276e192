"""Detection of events in traces, against moving medians alone and against a plain loop."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import bottleneck as bn
import numpy as np

from benchmarks.work import Work
from kymflow.core.velocity_events import EventParams, detect_events
from kymflow.core.velocity_events.tests import plain

SAMPLES, TRACES, LONG = 7_500, 20, 1_000_000
RATE = 220.0

Trace = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


def detect_many(_: Path) -> Work:
    """Detect the events of traces as long as real ones."""
    return Work(partial(_detect, [_trace(SAMPLES, seed) for seed in range(TRACES)]))


def medians_of_many(_: Path) -> Work:
    """Take the two moving medians of each of those traces."""
    return Work(partial(_medians, [_trace(SAMPLES, seed) for seed in range(TRACES)]))


def detect_one(_: Path) -> Work:
    """Detect the events of one trace."""
    return Work(partial(_detect, [_trace(SAMPLES, 0)]), answer=_peaks)


def loop_over_one(_: Path) -> Work:
    """Take the medians of one trace sample by sample."""
    return Work(partial(_loop, _trace(SAMPLES, 0)), answer=_peaks)


def detect_long(_: Path) -> Work:
    """Detect the events of one long trace."""
    return Work(partial(_detect, [_trace(LONG, 0)]))


def medians_of_long(_: Path) -> Work:
    """Take the two moving medians of that trace."""
    return Work(partial(_medians, [_trace(LONG, 0)]))


def _detect(traces: list[Trace]) -> list[list[tuple[str, int | None]]]:
    found = [detect_events(time, velocity) for time, velocity in traces]
    return [events.select("event_type", "i_peak").rows() for events in found]


def _loop(trace: Trace) -> list[list[tuple[str, int | None]]]:
    time, velocity = trace
    events = plain.detect(time.tolist(), velocity.tolist(), EventParams())
    return [[(event["event_type"], event.get("i_peak")) for event in events]]


def _medians(traces: list[Trace]) -> None:
    params = EventParams()
    for _, velocity in traces:
        for seconds in (params.win_cmp_sec, params.smooth_sec):
            bn.move_median(np.abs(velocity), round(seconds * RATE), min_count=1)


def _peaks(found: list[list[tuple[str, int | None]]]) -> str:
    return repr(found)


def _trace(samples: int, seed: int) -> Trace:
    """Return a pulsing flow with stalls, noise, and velocities missing here and there."""
    rng = np.random.default_rng(seed)
    velocity = 1.5 + 0.3 * np.sin(np.arange(samples) / 5) + rng.normal(0, 0.2, samples)
    for begin in rng.integers(0, samples, samples // 2_000):
        velocity[begin : begin + 300] *= 0.2
    velocity[rng.random(samples) < 0.06] = np.nan
    return np.arange(samples) / RATE, velocity
