"""The microscope's header: what an Olympus text file says of an image, and what it leaves open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kymflow.core.lab_folder.header_text import Sections, decode_header, look_up, parse_sections
from kymflow.core.lab_folder.reading import MAX_METADATA, read_bytes
from kymflow.core.quantities import (
    DecimalSign,
    Kind,
    convert,
    decimal_sign,
    fold_unit,
    parse_count,
    parse_number,
)

SIZE, TOTAL = "Image Size", "Image Size(Unit Converted)"
X, T = "X Dimension", "T Dimension"

_AGREE = 1.1  # figures are rounded, and a range ends at its last pixel or at the next
_MOST = 500  # characters of a value that are looked at
_PART = re.compile(r"([^\[\]]*)\[([^\[\]]*)\]")
_TIMES = re.compile(r"\s*[*×x]\s*")
_LIST = re.compile(r"[,;]\s+")
_RANGE = re.compile(r"\s[-–]\s")
_STEPS = ("pixel", "pixels", "pix", "px", "line", "lines")


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says; None where it does not say, or can't be relied on.

    Attributes:
        sections: Every section's keys and values, as text.
        date: When the image was acquired, as the microscope wrote it.
        decimal: The decimal sign of its numbers, None if they don't tell.
        um_per_pixel: Distance between pixels along the line, µm.
        seconds_per_line: Time between lines, s.
        shape: Lines, and pixels per line.
        notes: What was not understood, or contradicts itself.
    """

    sections: Sections
    date: str
    decimal: DecimalSign | None
    um_per_pixel: float | None
    seconds_per_line: float | None
    shape: tuple[int, int] | None
    notes: list[str] = field(default_factory=list)


def read_header(path: Path) -> Header:
    """Read a header file. What is damaged in it is left out and noted.

    Raises:
        SourceFileError: If the file can't be read, or is larger than any header.
    """
    sections, odd = parse_sections(decode_header(read_bytes(path, MAX_METADATA)))
    notes: list[str] = []
    if not sections:
        notes.append("it has no [Section], so it is not an Olympus header")
    elif odd:
        notes.append(f'{len(odd)} of its lines, the first line {odd[0]}, are not "key"<TAB>"value"')
    return _interpreted(sections, notes)


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure with a unit.

    Attributes:
        text: As it is written.
        kind: What it measures, None if the unit is not known.
        value: In µm or s; None if the number is not read, or is not positive.
        is_step: Whether it is one of a pixel or line, not of all.
    """

    text: str
    kind: Kind | None
    value: float | None
    is_step: bool


def _interpreted(sections: Sections, notes: list[str]) -> Header:
    texts = {key: look_up(sections, "Image", key)[:_MOST] for key in (SIZE, TOTAL)}
    texts |= {key: look_up(sections, "Dimensions", key)[:_MOST] for key in (X, T)}
    measured = (text for values in sections.values() for text in values.values() if "[" in text)
    decimal = decimal_sign(text[:_MOST] for text in measured)
    figures = {key: _figures(texts[key], decimal) for key in (X, T, TOTAL)}
    for key, found in figures.items():
        notes += [
            f"{key}: {figure.text!a} is not understood"
            for figure in found
            if figure.kind is None or figure.value is None
        ]
    shape = _shape(texts, figures[TOTAL], decimal)
    if shape is None and texts[SIZE]:
        notes.append(f"{SIZE}: {texts[SIZE][:80]!a} is not understood")
    lines, pixels = shape or (None, None)
    is_duration = _count(texts[T], decimal) in (None, 1, lines)
    um = {
        X: _pick(figures[X], "length", is_step=True),
        TOTAL: _per(_pick(figures[TOTAL], "length"), pixels),
        f"range of {X}": _per(_pick(figures[X], "length"), pixels),
    }
    seconds = {
        TOTAL: _per(_pick(figures[TOTAL], "time"), lines),
        T: _pick(figures[T], "time", is_step=True),
        f"range of {T}": _per(_pick(figures[T], "time"), lines) if is_duration else None,
    }
    return Header(
        sections=sections,
        date=look_up(sections, "General", "Date"),
        decimal=decimal,
        um_per_pixel=_agreed(um, "µm per pixel", notes),
        seconds_per_line=_agreed(seconds, "s per line", notes),
        shape=shape,
        notes=notes,
    )


def _figures(text: str, decimal: DecimalSign | None) -> list[_Figure]:
    """Read the figures of ``8, 0.0 - 2.272 [um], 0.284 [um/pixel]``, or of ``2.272 [um] * …``."""
    found = []
    for before, unit in _PART.findall(text):
        of, slash, one = unit.partition("/")
        kind = _kind(of) if not slash or fold_unit(one) in _STEPS else None
        written = before.strip(" ,;*×x")
        span = _span(written, decimal)
        value = convert(span, of, kind) if kind and span and span > 0 else None
        found.append(_Figure(f"{written} [{unit}]"[-80:], kind, value, bool(slash)))
    return found


def _span(text: str, decimal: DecimalSign | None) -> float | None:
    """Read a number, or how far the end of a range is from its start."""
    ends = [parse_number(_LIST.split(end)[-1], decimal) for end in _RANGE.split(text)]
    if len(ends) == 1:
        return ends[0]
    start, end, *more = ends
    return None if more or start is None or end is None else end - start


def _kind(unit: str) -> Kind | None:
    kinds: tuple[Kind, ...] = ("length", "time")
    return next((kind for kind in kinds if convert(1.0, unit, kind) is not None), None)


def _shape(
    texts: dict[str, str], total: Sequence[_Figure], decimal: DecimalSign | None
) -> tuple[int, int] | None:
    """Return lines and pixels per line, whichever of the two the header names first."""
    counts = [parse_count(size, decimal) for size in _TIMES.split(texts[SIZE].partition("[")[0])]
    sizes = [count for count in counts if count is not None and count > 0]
    if len(sizes) != 2 or len(counts) != 2:
        return None
    first, second = sizes
    along = _count(texts[X], decimal)
    if along in sizes and first != second:
        time_first = second == along
    else:
        time_first = bool(total) and total[0].kind == "time"
    return (first, second) if time_first else (second, first)


def _count(text: str, decimal: DecimalSign | None) -> int | None:
    return parse_count(_LIST.split(text)[0], decimal)


def _pick(figures: Sequence[_Figure], kind: Kind, *, is_step: bool = False) -> float | None:
    values = (f.value for f in figures if f.kind == kind and f.is_step == is_step)
    return next(values, None)


def _per(total: float | None, count: int | None) -> float | None:
    return total / count if total and count else None


def _agreed(figures: dict[str, float | None], what: str, notes: list[str]) -> float | None:
    """Return the first figure there is; None, with a note, if another contradicts it."""
    known = {key: value for key, value in figures.items() if value}
    first = next(iter(known), None)
    if first is None:
        return None
    for key, value in known.items():
        if not 1 / _AGREE < value / known[first] < _AGREE:
            notes.append(
                f"{first} gives {known[first]:.6g} {what} and {key} {value:.6g}; neither is used"
            )
            return None
    return known[first]
