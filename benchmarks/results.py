"""The measurements of a run, and their JSON form."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

FORMAT = 1


def median(values: Sequence[float]) -> float | None:
    """Return the median; None if there are no values."""
    return statistics.median(values) if values else None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a run.

    Attributes:
        images: Sizes, in images.
        rows: Events per image, on average.
        repeats: How often each contestant does each case.
        budget_s: The longest that a rival may take for one phase, s.
    """

    images: tuple[int, ...]
    rows: int
    repeats: int
    budget_s: float


@dataclass(slots=True)
class Measurement:
    """Time and memory of one contestant for one case at one size.

    Attributes:
        case: The case's name.
        images: The size, in images; 0 if the case has none.
        who: ``kymflow``, ``floor``, or the name of a rival.
        seconds: Time of each repetition, s.
        peak_mb: Peak resident memory of each repetition, MB.
        skipped: Why it was left out, None if it was not.
    """

    case: str
    images: int
    who: str
    seconds: list[float] = field(default_factory=list)
    peak_mb: list[float] = field(default_factory=list)
    skipped: str | None = None

    @property
    def median(self) -> float | None:
        """Median seconds; None if it was left out."""
        return None if self.skipped else median(self.seconds)

    def ratios_to(self, other: Measurement | None) -> list[float]:
        """Divide the time of each repetition by another's; empty if either was left out."""
        if other is None or self.skipped or other.skipped:
            return []
        return [mine / its for mine, its in zip(self.seconds, other.seconds, strict=True)]

    @property
    def peak(self) -> float | None:
        """Median peak memory, MB; None if it was left out."""
        return None if self.skipped else median(self.peak_mb)


@dataclass(slots=True)
class Results:
    """The results of one run.

    Attributes:
        machine: Facts about where it ran, see :mod:`benchmarks.machine`.
        settings: The settings of the run.
        measurements: In the order measured.
    """

    machine: dict[str, Any]
    settings: Settings
    measurements: list[Measurement] = field(default_factory=list)

    def find(self, case: str, images: int, who: str) -> Measurement | None:
        """Return one measurement, None if there is none."""
        key = (case, images, who)
        return next((m for m in self.measurements if (m.case, m.images, m.who) == key), None)

    def save(self, path: Path) -> None:
        """Write the JSON form."""
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, **asdict(self)}, indent=1)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read the JSON form.

        Raises:
            ValueError: If it was written by another version of this suite.
        """
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("format") != FORMAT:
            raise ValueError(f"{path.name} is not of format {FORMAT}; measure again")
        settings = stored["settings"]
        return cls(
            machine=stored["machine"],
            settings=Settings(**{**settings, "images": tuple(settings["images"])}),
            measurements=[Measurement(**each) for each in stored["measurements"]],
        )
