"""The units that columns are in, as their names declare them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "s": "s",
        "ms": "ms",
        "us": "µs",
        "um": "µm",
        "mm": "mm",
        "hz": "Hz",
        "deg": "°",
        "percent": "%",
    }
)
"""Last words of column names, each with the unit it declares: ``duration_s`` is in s. A unit over
another is written with ``per``: ``speed_um_per_s`` is in µm/s, ``rate_per_s`` in 1/s. Two units
without it declare nothing: ``velocity_um_s`` is no time."""

NAMED: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("velocity", "cleanVelocity", "absVelocity", "peak_value"), "mm/s"),
        **dict.fromkeys(("score", "baseline_before", "baseline_after"), "mm/s"),
        **dict.fromkeys(
            # Of a trace in figures: quantiles and errors keep the unit, coefficients of variation
            # have none. A column that is just called speed may be in anything.
            [
                f"{of}_{what}"
                for of in ("mean", "median", "std", "se", "min", "max", "q05", "q25", "q75", "q95")
                for what in ("velocity", "speed")
            ],
            "mm/s",
        ),
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
_CALL = re.compile(rf"((?:{_KEEPS_UNIT})\()(.+?)((?:, [^()]*)?\))")
_PREFIX = re.compile(rf"((?:{_KEEPS_UNIT})_)(.+)()")
_NAME = re.compile(r"[^\W\d]\w*")
_UNITLESS = frozenset(
    (
        *("n", "num", "number", "count", "rank", "index", "id", "is", "has"),
        *("var", "variance", "log", "ln", "sqrt", "ratio", "cv"),
    )
)
"""First words of names that are counts, answers or powers of what follows."""


def unit_of(column: str) -> str | None:
    """Return the unit of a column, None where its name declares none.

    Args:
        column: Its name; ``avg(score)`` and ``max_score`` are in the unit of ``score``. What is
            computed otherwise, such as ``a_s / b_s``, has no unit.
    """
    return _parted(column)[1]


def label(column: str) -> str:
    """Return a column's name for readers, its unit in brackets: ``duration (s)``."""
    if column in ("count_star()", "count(*)"):
        return "count"
    name, unit = _parted(column)
    shown = name.replace("_", " ").strip() or column
    return f"{shown} ({unit})" if unit else shown


def _parted(column: str) -> tuple[str, str | None]:
    """Return a name without the unit it ends in, and the unit."""
    if column in NAMED:
        return column, NAMED[column]
    outer = _CALL.fullmatch(column) or _PREFIX.fullmatch(column)
    if outer and outer[2] not in ENDINGS:
        name, unit = _parted(outer[2])
        return (f"{outer[1]}{name}{outer[3]}", unit) if unit else (column, None)
    words = column.split("_")
    if not _NAME.fullmatch(column) or words[-1] not in ENDINGS or words[0] in _UNITLESS:
        return column, None
    *rest, last = words
    unit = ENDINGS[last]
    if rest[-1:] == ["per"]:
        over = rest[-2] if len(rest) > 1 and rest[-2] in ENDINGS else None
        rest = rest[:-2] if over else rest[:-1]
        unit = f"{ENDINGS[over] if over else 1}/{unit}"
    if not any(rest) or rest[-1] in ENDINGS:
        return column, None
    return "_".join(rest), unit
