"""Runs the cases: contestants in turn, repetition after repetition, each in a fresh process."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.cases import BY_NAME, Case, Phase
from benchmarks.child import Reply, Request
from benchmarks.machine import ROOT
from benchmarks.results import Measurement, Settings
from benchmarks.stage import FLOOR, OURS, CommitStage, DecisionStage, Stage, WorkloadStage

BUILD = BY_NAME["full-build"]


class BenchmarkError(Exception):
    """A phase failed, or contestants did not end with the same rows."""


class OverBudgetError(Exception):
    """A rival takes too long."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One contestant in one case at one size."""

    who: str
    case: Case
    images: int
    stage: Stage

    @property
    def is_rival(self) -> bool:
        """Whether it is neither kymflow nor a floor."""
        return self.who not in (OURS, FLOOR)

    def phase_of(self, case: Case) -> Phase:
        """Return the contestant's phase in a case; a floor borrows kymflow's table."""
        if self.is_rival:
            return replace(case.ours, function="rivals:update", argument=self.who)
        return case.ours


class Runner:
    """Measures cases.

    Args:
        scratch: The folder of the datasets; existing ones are reused.
        settings: The settings of the run.
        rivals: The names of the rivals to measure.
    """

    def __init__(self, scratch: Path, settings: Settings, rivals: Sequence[str]) -> None:
        self._scratch = scratch
        self._settings = settings
        self._rivals = rivals
        self._stages: dict[tuple[str, int], Stage] = {}
        self._taken: dict[tuple[str, str], dict[int, float]] = {}

    def measure(self, case: Case, images: int) -> list[Measurement]:
        """Measure each contestant for one case at one size.

        Raises:
            BenchmarkError: If a phase failed, or contestants did not end with the same rows.
        """
        stage = self._stage(case, images)
        rivals = self._rivals if case.rivals and images in self._settings.images else ()
        entries = [Entry(who, case, images, stage) for who in (OURS, FLOOR, *rivals)]
        found = {entry: Measurement(case.name, images, entry.who) for entry in entries}
        for _ in range(self._settings.repeats):
            answers: dict[str, str] = {}
            for entry, measurement in found.items():
                if measurement.skipped is None:
                    answer = self._repeat(entry, measurement)
                    answers.update({entry.who: answer} if answer else {})
            _check_same(case, images, answers)
        return list(found.values())

    def _repeat(self, entry: Entry, measurement: Measurement) -> str | None:
        """Add one repetition to a measurement, and return its answer."""
        phases = entry.case.floor if entry.who == FLOOR else (entry.phase_of(entry.case),)
        try:
            replies = [self._run(entry, phase) for phase in phases]
        except OverBudgetError as reason:
            measurement.skipped = str(reason)
            return None
        measurement.skipped = replies[0].unavailable
        if measurement.skipped:
            return None
        measurement.seconds.append(sum(reply.seconds for reply in replies))
        measurement.peak_mb.append(max(reply.peak_mb for reply in replies))
        return replies[-1].answer

    def _run(self, entry: Entry, phase: Phase) -> Reply:
        """Prepare the disk and run a phase; build the table first if needed."""
        building = entry.phase_of(BUILD)
        if phase.table == "built" and not entry.stage.holds_built(entry.who):
            self._run(replace(entry, case=BUILD), building)
        entry.stage.prepare(phase, entry.who)
        reply = self._start(entry, phase)
        if phase == building and not entry.stage.holds_built(entry.who):
            entry.stage.save_built(entry.who)
        return reply

    def _start(self, entry: Entry, phase: Phase) -> Reply:
        place = str(entry.stage.folder)
        request = Request(phase.function, phase.argument, place, entry.case.calls)
        command = [sys.executable, "-m", "benchmarks.child", json.dumps(asdict(request))]
        limit = self._limit(entry) if entry.is_rival else None
        try:
            done = subprocess.run(
                command, cwd=ROOT, capture_output=True, text=True, timeout=limit, check=True
            )
        except subprocess.TimeoutExpired as error:
            self._note(entry, error.timeout)
            raise OverBudgetError(f"stopped after {error.timeout:g} s") from error
        except subprocess.CalledProcessError as error:
            raise BenchmarkError(f"{entry.who}, {entry.case.name}:\n{error.stderr}") from error
        reply = Reply(**json.loads(done.stdout.splitlines()[-1]))
        self._note(entry, reply.seconds)
        return reply

    def _limit(self, entry: Entry) -> float:
        """Return how long a rival may take, s.

        Raises:
            OverBudgetError: If, extrapolated from smaller sizes, it would take longer.
        """
        budget = self._settings.budget_s
        taken = self._taken.get((entry.who, entry.case.name), {})
        expected = _extrapolated(taken, entry.images)
        if expected > budget:
            self._note(entry, expected)
            raise OverBudgetError(
                f"{entry.case.title.lower()} would take about {expected:.3g} s, "
                f"more than the budget of {budget:g} s"
            )
        return budget

    def _note(self, entry: Entry, seconds: float) -> None:
        self._taken.setdefault((entry.who, entry.case.name), {})[entry.images] = seconds

    def _stage(self, case: Case, images: int) -> Stage:
        key = (case.place, images)
        if key not in self._stages:
            self._stages[key] = self._make_stage(*key)
        return self._stages[key]

    def _make_stage(self, place: str, images: int) -> Stage:
        rows = self._settings.rows
        if place == "workload":
            return WorkloadStage(self._scratch / f"{images}x{rows}", images, rows)
        if place == "decision":
            return DecisionStage(self._scratch / f"decision-{images}", images)
        if place == "commits":
            return CommitStage(self._scratch / f"commits-{images}x{rows}", images, rows)
        return Stage(self._scratch)


def _extrapolated(taken: Mapping[int, float], images: int) -> float:
    """Extrapolate how long a phase takes from the two largest smaller sizes, s; 0 if unknown."""
    known = sorted((size, seconds) for size, seconds in taken.items() if 0 < size < images)
    if not known:
        return 0.0
    (last, seconds), growth = known[-1], 1.0
    if len(known) > 1:
        before, less = known[-2]
        growth = max(growth, math.log(seconds / less) / math.log(last / before))
    return float(seconds * (images / last) ** growth)


def _check_same(case: Case, images: int, answers: Mapping[str, str]) -> None:
    if len(set(answers.values())) > 1:
        listed = "\n".join(f"  {who}: {answer}" for who, answer in answers.items())
        raise BenchmarkError(f"{case.name} at {images} images has different results:\n{listed}")
