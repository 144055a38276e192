"""The units that columns are in, read off their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

SUFFIXES: Mapping[str, str] = MappingProxyType(
    {
        "_s": "s",
        "_ms": "ms",
        "_um": "µm",
        "_mm": "mm",
        "_hz": "Hz",
        "_mm_per_s": "mm/s",
        "_deg": "°",
        "_percent": "%",
    }
)
"""Endings of column names, each with the unit it stands for."""

NAMED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("velocity", "cleanVelocity", "absVelocity", "peak_value"), "mm/s"),
        **dict.fromkeys(("score", "baseline_before", "baseline_after"), "mm/s"),
        "time": "s",
        "seconds_per_line": "s/line",
        "um_per_pixel": "µm/pixel",
        "depth": "µm",
    }
)
"""Columns whose names don't end in their unit."""

_KEEPS_UNIT = (
    "avg|mean|median|mode|min|max|sum|first|last|abs|round|std|stddev|quantile|quantile_cont"
)
_CALL = re.compile(rf"(?:{_KEEPS_UNIT})\((.+?)(?:, [^()]*)?\)")
_PREFIX = re.compile(rf"(?:{_KEEPS_UNIT})_(.+)")


def unit_of(column: str) -> str | None:
    """Return the unit of a column, None where its name tells of none.

    Args:
        column: Its name; ``avg(score)`` and ``max_score`` are in the unit of ``score``.
    """
    if column in NAMED:
        return NAMED[column]
    inner = _CALL.fullmatch(column) or _PREFIX.fullmatch(column)
    if inner:
        return unit_of(inner[1])
    endings = [ending for ending in SUFFIXES if column.endswith(ending)]
    return SUFFIXES[max(endings, key=len)] if endings else None


def label(column: str) -> str:
    """Return a column's name for readers, its unit in brackets: ``duration (s)``."""
    if column in ("count_star()", "count(*)"):
        return "count"
    unit = unit_of(column)
    name = column
    for ending in sorted(SUFFIXES, key=len, reverse=True):
        inner = name.removesuffix(")")
        if unit == SUFFIXES[ending] and inner.endswith(ending):
            name = inner.removesuffix(ending) + name[len(inner) :]
            break
    name = name.replace("_", " ").strip() or column
    return f"{name} ({unit})" if unit else name
