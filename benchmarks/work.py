"""The piece of work that a phase gives the child to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = "kym_velocity_events"


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work that is ready to be timed.

    Attributes:
        run: The work proper.
        answer: Digests the result of ``run``, so that results can be compared;
            called after time and memory are taken. None if there is nothing to compare.
        fraction: How much of the work ``run`` does, where all of it would take too long; the time
            is divided by it.
    """

    run: Callable[[], Any]
    answer: Callable[[Any], str] | None = None
    fraction: float = 1.0


class Unavailable(Exception):  # noqa: N818 - no failure: the case is left out, for this reason
    """Something that a case measures is not installed."""


def sql(name: str) -> str:
    """Return a statement of ``benchmarks/sql``."""
    return (Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8")
