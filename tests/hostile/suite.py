"""All kinds of hostile datasets, and a process that opens some of them.

``python -m tests.hostile.suite`` opens every kind by every door, and prints what came of it.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from tests.hostile import kinds
from tests.hostile.doors import DOORS

ALL = sorted(path.stem for path in Path(kinds.__path__[0]).glob("[a-z]*.py"))
MODULES = {kind: importlib.import_module(f"tests.hostile.kinds.{kind}") for kind in ALL}
TABLES = ("plain", "lake") if duckdb.__version__.startswith("1.5.") else ("plain",)
A_DOOR_TAKES_S = 60


def of(tables: str) -> list[str]:
    """Return the kinds that are about tables of a kind."""
    return [kind for kind in ALL if tables in getattr(MODULES[kind], "IN", ("plain", "lake"))]


def opened(
    folder: Path, tables: str, chosen: Sequence[str], doors: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """Yield what came of each door of each kind."""
    place = folder / "place"
    place.mkdir()
    given = [tables, str(place), ",".join(chosen), *doors]
    with subprocess.Popen(
        [sys.executable, "-m", "tests.hostile.child", *given],
        env={**os.environ, "PGPASSWORD": "hunter2"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            printed = child.communicate(timeout=A_DOOR_TAKES_S + 5 * len(chosen) * len(doors))[0]
        except subprocess.TimeoutExpired:
            child.kill()
            printed = child.communicate()[0]
    last = {}
    for line in printed.splitlines():
        outcome = json.loads(line)
        last[outcome["kind"], outcome["door"]] = outcome
    for kind in chosen:
        for door in doors:
            never = {"kind": kind, "door": door, "said": "", "harm": ["never begun"]}
            yield last.get((kind, door), never)


def main() -> None:
    """Print a table in Markdown: a row for each kind, and what each door came to."""
    print("| kind | tables | opened | refused | harm |\n|---|---|---|---|---|")
    for tables in TABLES:
        for kind in of(tables):
            with TemporaryDirectory() as folder:
                outcomes = list(opened(Path(folder), tables, [kind], list(DOORS)))
            harmed = [
                f"{each['door']}: {'; '.join(each['harm'])}" for each in outcomes if each["harm"]
            ]
            well = sum(each["said"].startswith("0") for each in outcomes)
            shown = " / ".join(harmed).replace("\n", " ").replace("|", "\\|") or "none"
            print(f"| {kind} | {tables} | {well} | {len(outcomes) - well} | {shown} |", flush=True)


if __name__ == "__main__":
    main()
