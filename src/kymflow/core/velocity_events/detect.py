"""From one velocity trace to its events."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.velocity_events.baselines import baseline_shifts
from kymflow.core.velocity_events.gaps import nan_gaps, zero_gaps
from kymflow.core.velocity_events.params import EventParams
from kymflow.core.velocity_events.trace import Trace

DETECTOR_VERSION = "kymflow.detector@1"
"""Raised when the same trace and params would yield other events."""

DETECTED_SCHEMA = {
    name: dtype for name, dtype in EVENT_SCHEMA.items() if name not in ("roi_id", "channel")
}
"""The event schema without what a trace does not know: whose it is."""


def detect_events(
    time: object, velocity: object, params: EventParams | None = None
) -> pl.DataFrame:
    """Find the events of one velocity trace.

    Samples are taken in the order given; time sets the sampling rate (one over the median of its
    positive finite steps) and the times of the events, and nothing else. Hence:

    =======================  ===================================================================
    trace                    events
    =======================  ===================================================================
    empty, or one sample     none
    shorter than two         no baseline shifts: there are fewer than 50 scores
    windows and 50 samples
    constant                 none but the deepest falls, if ``top_k_total`` asks for them: a
                             score of 0 is one
    all NaN                  one ``nan_gap`` over all of it, if it lasts
    unsorted or repeated     as if the samples were evenly spaced; durations are the differences
    times                    of the times that stand there
    a gap in time            as if there were none: a gap has no samples
    ±infinity                no evidence where finite samples are counted, and in ``nan_gap``; in
                             a median it counts as very fast
    float32, integers        what their float64 equals would give
    =======================  ===================================================================

    Among equal scores, the deepest falls come in the order of ``numpy.argsort``, which may differ
    from one kind of processor to another.

    Args:
        time: Times, s, shape (n,): an array, a Polars series or a list.
        velocity: Velocities, mm/s, shape (n,); NaN or null where there is no evidence.
        params: The params; the defaults if None.

    Returns:
        Frame in the event schema without ``roi_id`` and ``channel``, one row per event, by
        ``t_start_s``. ``event_id`` numbers them from 0. ``candidate`` is true for drops below the
        threshold, or beside a drop, that ``top_k_total`` asks for: they are there to be looked at,
        and don't count. ``i_end`` and ``t_end_s`` are those of the
        last sample inside. Baseline shifts have no end; gaps have no peak, score or baselines.

    Raises:
        TraceError: If time and velocity are not 1-D numbers of one length, or time never moves on.
    """
    rows = find_events(Trace.of(time, velocity), EventParams() if params is None else params)
    numbered = [{"event_id": str(number), **row} for number, row in enumerate(rows)]
    return pl.DataFrame(numbered, DETECTED_SCHEMA)


def find_events(trace: Trace, params: EventParams) -> list[dict[str, Any]]:
    """Return the rows of :func:`detect_events`, without ids and without what is null."""
    if len(trace) < 2:
        return []
    events = [
        *baseline_shifts(trace, params),
        *nan_gaps(trace, params),
        *zero_gaps(trace, params),
    ]
    events.sort(key=_start)
    return [
        {"candidate": False, "user_type": "unreviewed", "note": "", **_known(event)}
        for event in events
    ]


def _known(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if value == value}  # NaN is unknown


def _start(event: dict[str, Any]) -> float:
    """Return an event's sort key; events without a time come last."""
    start: float = event["t_start_s"]
    return math.inf if math.isnan(start) else start
