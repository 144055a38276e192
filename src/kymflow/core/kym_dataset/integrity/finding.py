"""What a check finds: a value that says what is wrong, where, and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

FINDINGS = pl.Schema(
    {
        "kind": pl.String(),
        "path": pl.String(),
        "problem": pl.String(),
        "remedy": pl.String(),
        "repaired": pl.Boolean(),
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in a dataset that is not as it should be.

    Attributes:
        kind: A stable name of the kind of problem, for machines.
        path: Where it is.
        problem: What is wrong.
        remedy: What to do about it.
        repair: Repairs it and tells whether it could; None where no program should.
    """

    kind: str
    path: Path
    problem: str
    remedy: str
    repair: Callable[[], bool] | None = None
