"""The scale of an image as its metadata hold it: s per line and µm per pixel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from kymflow.core.quantities import Kind, as_number, as_whole, convert, is_uncalibrated

UNITS: tuple[str, str] = ("s", "um")
"""The units of ``voxels`` where their header names none."""


class StoredScale(NamedTuple):
    """What a header says of the scale; None where it does not say.

    Attributes:
        seconds_per_line: Time between lines, s.
        um_per_pixel: Distance between pixels along the line, µm.
        shape: Lines and pixels per line.
        notes: What was not understood.
    """

    seconds_per_line: float | None
    um_per_pixel: float | None
    shape: tuple[int | None, int | None]
    notes: tuple[str, ...]


def stored_scale(header: Mapping[str, Any], pixels: Sequence[int] | None = None) -> StoredScale:
    """Read the scale from a header, as sidecars and the metadata of images have it.

    ``voxels`` are s per line and µm per pixel, or are in the units of ``voxels_units``, which tell
    their order as well. Where they say nothing, ``physical_size`` over ``shape`` does.

    Args:
        header: The header.
        pixels: Lines and pixels per line of the pixels themselves, if known.
    """
    units = _units(header.get("voxels_units"))
    shape = _counts(header.get("shape"))
    if units is None:
        why = f"voxels_units {header['voxels_units']!a} are not understood"
        return StoredScale(None, None, shape, (why,))
    notes: list[str] = []
    if convert(1.0, units[0], "length") and (pixels is None or shape != tuple(pixels[:2])):
        shape = shape[::-1]
    steps = _time_and_length(header.get("voxels"), units, "voxels", notes)
    totals = _time_and_length(header.get("physical_size"), units, "physical_size", [])
    seconds, um = (
        step if step is not None else total / count if total and count else None
        for step, total, count in zip(steps, totals, shape, strict=True)
    )
    return StoredScale(seconds, um, shape, tuple(notes))


def _units(value: object) -> tuple[str, str] | None:
    """Return the two units that a header names, or the usual ones; None where it names others."""
    if value is None or value == []:
        return UNITS
    if not isinstance(value, list) or len(value) < len(UNITS):
        return None
    first, second = (str(unit or default) for unit, default in zip(value, UNITS, strict=False))
    return first, second


def _time_and_length(
    values: object, units: Sequence[str], name: str, notes: list[str]
) -> tuple[float | None, float | None]:
    """Return a time in s and a length in µm, whichever of the two comes first."""
    found: dict[Kind, float] = {}
    if values is not None and not isinstance(values, list):
        notes.append(f"{name} {values!a} are not understood")
    pairs = zip(values, units, strict=False) if isinstance(values, list) else ()
    for value, unit in pairs:
        if value is None or is_uncalibrated(unit):
            continue
        converted = _converted(as_number(value), unit)
        if converted is None:
            notes.append(f"{name}: {value!a} {unit!a} is not understood")
        else:
            found.setdefault(*converted)
    return found.get("time"), found.get("length")


def _converted(number: float | None, unit: str) -> tuple[Kind, float] | None:
    kinds: tuple[Kind, ...] = ("time", "length")
    for kind in kinds:
        value = None if number is None else convert(number, unit, kind)
        if value is not None and value > 0:
            return kind, value
    return None


def _counts(value: object) -> tuple[int | None, int | None]:
    counts = [as_whole(each) for each in value] if isinstance(value, list) else []
    return (counts[0], counts[1]) if len(counts) >= len(UNITS) else (None, None)
