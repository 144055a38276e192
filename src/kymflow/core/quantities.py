"""Numbers as people and programs write them, and the units of length and time they are in.

A text becomes a number only where it can be read in one way. ``0,284`` has a decimal comma, since
no thousands begin with a zero; ``1,284`` may be 1.284 or 1284 and is no number until it is known
which decimal sign its file uses.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

DecimalSign = Literal[".", ","]
Kind = Literal["length", "time"]

_LONGEST = 64  # characters of a number; what is longer is damage
_WHOLE = r"(?:0|[1-9][0-9]*)"
_EXPONENT = r"(?:[eE][+-]?[0-9]{1,3})?"
_PLAIN_WHOLE = re.compile(rf"[+-]?{_WHOLE}")


def _grouped(signs: str) -> str:
    """Write the pattern of a whole number in groups of three digits."""
    one = (rf"[1-9][0-9]{{0,2}}(?:{re.escape(sign)}[0-9]{{3}})+" for sign in signs)
    return f"(?:{'|'.join(one)})"


def _pattern(decimal: str, groups: str) -> re.Pattern[str]:
    """Write the pattern of numbers with this decimal sign."""
    point = re.escape(decimal)
    return re.compile(
        rf"[+-]?(?:(?:{_WHOLE}(?:{point}[0-9]*)?|{point}[0-9]+){_EXPONENT}"
        rf"|{_grouped(groups)}(?:{point}[0-9]+)?)"
    )


_BY_SIGN: Mapping[DecimalSign, re.Pattern[str]] = MappingProxyType(
    {".": _pattern(".", ", '"), ",": _pattern(",", ". '")}
)
_TOKEN = re.compile(r"[0-9](?:[0-9.,]*[0-9])?")
_VARIANTS = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),  # between groups, in French and SI
        **dict.fromkeys("\u2019\u02bc", "'"),  # between groups, in Switzerland
        "\u2212": "-",
    }
)

_FACTORS: Mapping[Kind, Mapping[str, tuple[int, int]]] = MappingProxyType(
    {
        "length": {  # to µm: times, over
            **dict.fromkeys(("m", "meter", "meters", "metre", "metres"), (1_000_000, 1)),
            "cm": (10_000, 1),
            **dict.fromkeys(("mm", "millimeter", "millimeters", "millimetre"), (1000, 1)),
            **dict.fromkeys(("um", "micron", "microns"), (1, 1)),
            **dict.fromkeys(("micrometer", "micrometers", "micrometre", "micrometres"), (1, 1)),
            **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre"), (1, 1000)),
            **dict.fromkeys(("Å", "angstrom"), (1, 10_000)),
            "pm": (1, 1_000_000),
            **dict.fromkeys(("in", "inch", "inches"), (25_400, 1)),
        },
        "time": {  # to s
            **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), (1, 1)),
            **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), (1, 1000)),
            **dict.fromkeys(("us", "usec", "microsecond", "microseconds"), (1, 1_000_000)),
            **dict.fromkeys(("ns", "nsec", "nanosecond", "nanoseconds"), (1, 1_000_000_000)),
            **dict.fromkeys(("min", "minute", "minutes"), (60, 1)),
            **dict.fromkeys(("h", "hour", "hours"), (3600, 1)),
        },
    }
)
_UNCALIBRATED = ("", "pixel", "pixels", "px", "reference frame", "reference_frame", "a.u.")


def parse_number(text: str, decimal: DecimalSign | None = None) -> float | None:
    """Read a number.

    Decimal commas, exponents, and thousands set off by commas, points, blanks or apostrophes are
    understood. What Python alone takes for a number is not one: ``1_2``, ``nan``, ``inf``, ``007``.

    Args:
        text: The number, with nothing but blanks around it.
        decimal: The decimal sign of the file it comes from, None if unknown.

    Returns:
        The number; None where the text is not one, is beyond float64, or can be read in two ways.
        ``1,284`` can, unless the file is known to have decimal commas, and ``1.284`` can in a file
        with decimal commas.

    Examples:
        >>> parse_number("1,284.5"), parse_number("0,284"), parse_number("1,284")
        (1284.5, 0.284, None)
        >>> parse_number("1,284", decimal=",")
        1.284
    """
    readings = _readings(text)
    if len(set(readings.values())) == 1:
        return readings.popitem()[1]
    written: DecimalSign = "," if "," in text else "."
    return readings.get(written) if written == (decimal or ".") else None


def parse_count(text: str, decimal: DecimalSign | None = None) -> int | None:
    """Read a whole number that may have its thousands set off; None where the text is not one.

    A count has no fraction: ``30,000`` is thirty thousand, unless commas are decimal in its file.
    """
    readings = _readings(text)
    if len(set(readings.values())) == 1:
        number = readings.popitem()[1]
    else:
        written: DecimalSign = "," if "," in text else "."
        grouped = readings.get("." if written == "," else ",")
        if grouped is None or written == (decimal or "."):
            return None
        number = grouped
    return int(number) if number.is_integer() else None


def as_number(value: object) -> float | None:
    """Return a value of JSON as a number: a finite number, or a text that is one."""
    if isinstance(value, str):
        return parse_number(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_whole(value: object) -> int | None:
    """Return a value of JSON as a whole number, exactly; ``3.0`` and ``"3"`` are 3."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _PLAIN_WHOLE.fullmatch(value.strip()) and len(value) < _LONGEST:
        return int(value)
    number = as_number(value)
    return int(number) if number is not None and number.is_integer() else None


def decimal_sign(texts: Iterable[str]) -> DecimalSign | None:
    """Tell a file's decimal sign from those of its numbers that can be read in one way only.

    Returns:
        The sign; None where nothing tells it, or some numbers tell one and some the other.
    """
    found: set[DecimalSign] = set()
    for token in (token for text in texts for token in _TOKEN.findall(text)):
        signs = list(_readings(token))
        if len(signs) == 1:
            found.update(signs)
    return found.pop() if len(found) == 1 else None


def convert(value: float, unit: str, kind: Kind) -> float | None:
    """Convert a length to µm, or a time to s; None if the unit is not one of that kind."""
    factor = _FACTORS[kind].get(fold_unit(unit))
    return None if factor is None else value * factor[0] / factor[1]


def parse_quantity(value: object, kind: Kind) -> float | None:
    """Read a number that may carry its unit: ``100``, ``"100 µm"``, ``"0,1 mm"``.

    Args:
        value: A number, which is in µm or s, or a text.
        kind: What it measures.

    Returns:
        µm or s; None where the number can't be read or the unit is not one of that kind.
    """
    match = isinstance(value, str) and re.fullmatch(r"(.*[0-9][.,]?)\s*([^0-9]+)", value.strip())
    if not match:
        return as_number(value)
    number = parse_number(match[1])
    return None if number is None else convert(number, match[2], kind)


@lru_cache(1024)  # a dataset has a handful of them, and millions of values
def fold_unit(unit: str) -> str:
    """Return a unit in the spelling it is looked up by: any µ as ``u``, long words in lower case.

    Covers the micro sign, the Greek letter, the squared units of East Asian fonts (㎛), and the
    escape that ImageJ writes.
    """
    text = unicodedata.normalize("NFKC", re.sub(r"(?i)\\u00b5", "u", unit.strip()))
    folded = text.replace("μ", "u")
    return folded.lower() if len(folded) > 2 else folded


def is_uncalibrated(unit: str) -> bool:
    """Tell whether a unit says that there is no scale: pixels, or nothing."""
    return fold_unit(unit) in _UNCALIBRATED


def _readings(text: str) -> dict[DecimalSign, float]:
    """Return the numbers that a text can be, by the decimal sign they are read with."""
    plain = text.strip().translate(_VARIANTS)
    if len(plain) > _LONGEST:
        return {}
    found: dict[DecimalSign, float] = {}
    for sign, pattern in _BY_SIGN.items():
        if pattern.fullmatch(plain):
            bare = "".join(c for c in plain if c == sign or c not in "., '")
            number = float(bare.replace(sign, "."))
            if math.isfinite(number):
                found[sign] = number
    return found
