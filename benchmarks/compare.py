"""Compares two results: what became slower or faster, beyond their noise."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.cases import BY_NAME
from benchmarks.markdown import LEFT, RIGHT, images_text, seconds_text, table
from benchmarks.results import Measurement, Results
from benchmarks.stage import FLOOR, OURS


@dataclass(frozen=True, slots=True)
class Change:
    """How one case at one size changed.

    The value compared is kymflow's time over the floor's of the same repetition, so that a
    machine that is busier today makes no difference.

    Attributes:
        case: The case's name.
        images: The size.
        seconds: kymflow's medians before and after, s.
        change: Relative change of that value: −0.2 is a fifth less.
        noise: The change that the repetitions alone could cause: their spread (largest less
            smallest, over the median) before and after, added up. None for one repetition.
    """

    case: str
    images: int
    seconds: tuple[float, float]
    change: float
    noise: float | None

    @property
    def outcome(self) -> Literal["slower", "faster", "same", "can't tell"]:
        """The change in a word."""
        if self.noise is None:
            return "can't tell"
        if abs(self.change) <= self.noise:
            return "same"
        return "slower" if self.change > 0 else "faster"


def compare(before: Results, after: Results) -> list[Change]:
    """Compare each case that both results hold, at each size."""
    changes: list[Change] = []
    for new in after.measurements:
        old = before.find(new.case, new.images, OURS)
        if new.who == OURS and old and old.median and new.median:
            samples = [_samples(results, m) for results, m in ((before, old), (after, new))]
            first, second = (statistics.median(each) for each in samples)
            changes.append(
                Change(
                    case=new.case,
                    images=new.images,
                    seconds=(old.median, new.median),
                    change=second / first - 1,
                    noise=_noise(samples),
                )
            )
    return changes


def comparison(before: Results, after: Results) -> str:
    """Format the changes as a Markdown table, and below it how the two runs differ."""
    rows = [
        [
            BY_NAME[change.case].title,
            images_text(change.images),
            *map(seconds_text, change.seconds),
            f"{change.change:+.0%}",
            "–" if change.noise is None else f"±{change.noise:.0%}",
            change.outcome,
        ]
        for change in compare(before, after)
    ]
    header = ["case", "images", "before, s", "after, s", "change of ratio to floor", "noise", ""]
    return "\n".join(
        [table([header, *rows], [LEFT, *[RIGHT] * 5, LEFT]), *_differences(before, after)]
    )


def _samples(results: Results, ours: Measurement) -> list[float]:
    return ours.ratios_to(results.find(ours.case, ours.images, FLOOR)) or ours.seconds


def _noise(samples: Sequence[Sequence[float]]) -> float | None:
    if min(map(len, samples)) < 2:
        return None
    return sum((max(each) - min(each)) / statistics.median(each) for each in samples)


def _differences(before: Results, after: Results) -> Iterator[str]:
    for name in before.machine:
        old, new = before.machine[name], after.machine.get(name)
        if old != new:
            yield f"- {name.replace('_', ' ')}: {old} → {new}"
