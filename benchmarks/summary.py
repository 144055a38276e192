"""Ratios, growth, and whether goals are met, computed from the measurements."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from benchmarks.cases import CASES, Case
from benchmarks.goals import GOALS, Goal, Metric
from benchmarks.results import Measurement, Results, median
from benchmarks.stage import FLOOR, OURS


@dataclass(frozen=True, slots=True)
class Verdict:
    """A goal and its measured value."""

    goal: Goal
    value: float
    met: bool


@dataclass(frozen=True, slots=True)
class Line:
    """One case at one size.

    Attributes:
        case: The case.
        images: The size; 0 if the case has none.
        ours: kymflow's measurement.
        floor: The floor's.
        rivals: Each rival's.
        growth: Slope of kymflow's log time against log images, by least squares over this size
            and all smaller ones; None at the smallest.
        peak_growth: kymflow's peak memory over that at a fifth of the images, if measured.
        verdicts: The goals judged at this size.
    """

    case: Case
    images: int
    ours: Measurement
    floor: Measurement | None
    rivals: Mapping[str, Measurement]
    growth: float | None
    peak_growth: float | None
    verdicts: list[Verdict] = field(default_factory=list)

    @property
    def ratio(self) -> float | None:
        """Time over the floor's of the same repetition, median."""
        return median(self.ours.ratios_to(self.floor))

    @property
    def extra(self) -> float | None:
        """Median time beyond the floor's, s."""
        if self.ours.median is None or self.floor is None or self.floor.median is None:
            return None
        return self.ours.median - self.floor.median

    def ratio_of(self, rival: str) -> float | None:
        """Return a rival's time over kymflow's of the same repetition, median."""
        return median(self.rivals[rival].ratios_to(self.ours))


_VALUES: Mapping[Metric, Callable[[Line], float | None]] = {
    "ratio": lambda line: line.ratio,
    "seconds": lambda line: line.ours.median,
    "extra_ms": lambda line: None if line.extra is None else 1e3 * line.extra,
    "us_per_image": lambda line: None if line.extra is None else 1e6 * line.extra / line.images,
    "growth": lambda line: line.growth,
    "peak_mb": lambda line: line.ours.peak,
    "peak_growth": lambda line: line.peak_growth,
}


def summarize(results: Results) -> list[Line]:
    """Summarize the results: one line per case and size, in the order of the cases."""
    lines: list[Line] = []
    for case in CASES:
        of_case: list[Line] = []
        for images in sorted({m.images for m in results.measurements if m.case == case.name}):
            of_case.append(_line(results, case, images, of_case))
        lines.extend(of_case)
    for line in lines:
        line.verdicts.extend(_judge(line))
    return lines


def _line(results: Results, case: Case, images: int, smaller: Sequence[Line]) -> Line:
    found = {m.who: m for m in results.measurements if (m.case, m.images) == (case.name, images)}
    ours, floor = found.pop(OURS), found.pop(FLOOR, None)
    times = [*((line.images, line.ours.median) for line in smaller), (images, ours.median)]
    fifth = next((line.ours.peak for line in smaller if line.images == images // 5), None)
    return Line(
        case=case,
        images=images,
        ours=ours,
        floor=floor,
        rivals=found,
        growth=_slope([(size, seconds) for size, seconds in times if seconds]),
        peak_growth=ours.peak / fifth if ours.peak and fifth else None,
    )


def _slope(times: Sequence[tuple[int, float]]) -> float | None:
    if len(times) < 2:
        return None
    sizes, seconds = ([math.log(value) for value in column] for column in zip(*times, strict=True))
    return statistics.linear_regression(sizes, seconds).slope


def _judge(line: Line) -> Iterator[Verdict]:
    for goal in GOALS:
        if goal.case != line.case.name or goal.images not in (None, line.images):
            continue
        value, extra_ms = _VALUES[goal.metric](line), _VALUES["extra_ms"](line)
        if value is None:
            continue
        close = goal.or_ms is not None and extra_ms is not None and extra_ms <= goal.or_ms
        yield Verdict(goal, value, met=close or value <= goal.limit)
