"""A velocity trace as the detector works on it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from kymflow.core.errors import TraceError

Floats = np.ndarray[Any, np.dtype[np.float64]]
Indices = np.ndarray[Any, np.dtype[np.intp]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

_MOST = 1 << 62


@dataclass(frozen=True)
class Trace:
    """Times and velocities, one a sample.

    Attributes:
        time: Times, s.
        velocity: Velocities, mm/s; NaN where there is no evidence.
        fs: Samples a second: 1 over the median of the positive finite steps in time.
    """

    time: Floats
    velocity: Floats
    fs: float

    @classmethod
    def of(cls, time: object, velocity: object) -> Trace:
        """Return a trace of arrays, Polars series or lists; nulls count as NaN.

        Raises:
            TraceError: If they are not 1-D numbers of one length, or time never moves on.
        """
        times, velocities = _floats(time, "time"), _floats(velocity, "velocity")
        if len(times) != len(velocities):
            raise TraceError(
                f"time has {len(times)} samples and velocity {len(velocities)}; give one each"
            )
        return cls(times, velocities, _sampling_rate(times))

    def __len__(self) -> int:
        return len(self.velocity)

    @cached_property
    def speed(self) -> Floats:
        """Absolute velocities, mm/s."""
        return np.abs(self.velocity)

    @cached_property
    def finite(self) -> Mask:
        """Which velocities are finite."""
        return np.isfinite(self.velocity)

    def samples(self, seconds: float) -> int:
        """Return a duration in samples, rounded half to even."""
        return round(min(seconds * self.fs, _MOST))


def _floats(values: object, name: str) -> Floats:
    try:
        if isinstance(values, pl.Series):
            values = values.cast(pl.Float64).to_numpy()  # nulls become NaN
        array: Floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise TraceError(f"{name} does not hold numbers only: {error}") from error
    if array.ndim != 1:
        raise TraceError(f"{name} must have one dimension, not {array.ndim}")
    return array


def _sampling_rate(time: Floats) -> float:
    if len(time) < 2:
        return float("nan")
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        steps = np.diff(time)
        steps = steps[np.isfinite(steps) & (steps > 0)]
        rate = 1 / float(np.median(steps)) if steps.size else float("inf")
    if not np.isfinite(rate):
        raise TraceError(
            "time never moves on from one sample to the next, so there is no sampling rate; "
            "give times in s, in the order of the samples"
        )
    return rate
