"""Results in words: the table, the goals, and the parts of the docs page made from them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.cases import BY_NAME, CASES
from benchmarks.goals import GOALS, Goal
from benchmarks.markdown import LEFT, NONE, RIGHT, images_text, ratio_text, seconds_text, table
from benchmarks.plots import draw
from benchmarks.results import Results
from benchmarks.stage import OURS
from benchmarks.summary import Line, Verdict, summarize


def results_table(results: Results) -> str:
    """Return one Markdown table of all cases and sizes, and below it what was left out and why."""
    lines = summarize(results)
    rivals = list(dict.fromkeys(name for line in lines for name in line.rivals))
    header = ["case", "images", "seconds", "floor", "× floor", "goal", "growth", "MB"]
    rows = [
        [
            line.case.title,
            images_text(line.images),
            seconds_text(line.ours.median),
            seconds_text(line.floor.median if line.floor else None),
            ratio_text(line.ratio),
            ", ".join(f"{verdict.goal.text} {_mark(verdict)}" for verdict in line.verdicts),
            NONE if line.growth is None else f"{line.growth:.2f}",
            NONE if line.ours.peak is None else f"{line.ours.peak:.0f}",
            *(_rival(line, name) for name in rivals),
        ]
        for line in lines
    ]
    sides = [LEFT, *[RIGHT] * 4, LEFT, *[RIGHT] * (2 + len(rivals))]
    whole = table([[*header, *(f"{name} ×" for name in rivals)], *rows], sides)
    return "\n".join([whole, *_left_out(lines)])


def goals_table(results: Results) -> str:
    """Return a Markdown table of every goal and what was measured of it."""
    verdicts: dict[Goal, list[Verdict]] = {goal: [] for goal in GOALS}
    for line in summarize(results):
        for verdict in line.verdicts:
            verdicts[verdict.goal].append(verdict)
    rows = [
        [
            BY_NAME[goal.case].title,
            images_text(goal.images) if goal.images else "any",
            goal.text,
            ", ".join(f"{verdict.value:.3g}" for verdict in found) or "not measured",
            " ".join(_mark(verdict) for verdict in found) or NONE,
        ]
        for goal, found in verdicts.items()
    ]
    header = ["case", "images", "goal", "measured", "met"]
    return table([header, *rows], [LEFT, RIGHT, LEFT, RIGHT, LEFT])


def cases_table() -> str:
    """Return a Markdown table of the cases and their floors."""
    rows = [[f"`{case.name}`", case.title, case.floor_title] for case in CASES]
    return table([["name", "case", "floor"], *rows], [LEFT] * 3)


def write_page(results: Results, page: Path) -> None:
    """Write the measured parts of a docs page again; results and plots go into a folder beside it.

    Raises:
        ValueError: If the page lacks the marks between which a part stands.
    """
    folder = page.with_suffix("")
    results.save(folder / "results.json")
    pictures = [f"![{plot.stem}]({folder.name}/{plot.name})" for plot in draw(results, folder)]
    parts = {
        "cases": cases_table(),
        "machine": _machine(results),
        "goals": goals_table(results),
        "results": results_table(results),
        "plots": "\n\n".join(pictures),
    }
    text = page.read_text(encoding="utf-8")
    for name, part in parts.items():
        text = _filled(text, name, part)
    page.write_text(text, encoding="utf-8")


def _machine(results: Results) -> str:
    facts = dict(results.machine)
    date, revision, ram = facts.pop("date"), facts.pop("revision"), facts.pop("ram_gb")
    listed = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in facts.items())
    return (
        f"Revision {revision}, {date}: {results.settings.repeats} repetitions, about "
        f"{results.settings.rows} events an image. {ram:g} GB of memory, {listed}."
    )


def _filled(text: str, name: str, part: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    between = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not between.search(text):
        raise ValueError(f"the page has no place for the {name}: {begin} … {end}")
    return between.sub(lambda _: f"{begin}\n\n{part}\n\n{end}", text)


def _left_out(lines: Sequence[Line]) -> Iterator[str]:
    """Yield a Markdown list of what was left out, each with its reason."""
    reasons = [
        f"- {line.case.title}, {images_text(line.images)} images, {who}: {reason}"
        for line in lines
        for who, reason in {OURS: line.ours.skipped, **_skipped_rivals(line)}.items()
        if reason
    ]
    if reasons:
        yield from ("", "Left out:", "", *reasons)


def _skipped_rivals(line: Line) -> dict[str, str | None]:
    return {name: measurement.skipped for name, measurement in line.rivals.items()}


def _rival(line: Line, name: str) -> str:
    if name not in line.rivals:
        return ""
    ratio = line.ratio_of(name)
    return "left out" if ratio is None else ratio_text(ratio)


def _mark(verdict: Verdict) -> str:
    return "✓" if verdict.met else "✗"
