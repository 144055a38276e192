"""What a TIFF itself says of its scale: metadata of microscopes and programs, resolution tags.

In a line scan the axis of lines is time, so a length along it means nothing: only the distance
along X is read. A time per frame is a time per line, for a kymograph is one frame of many lines,
or many frames of one line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from kymflow.core.lab_folder.scale import AGREE, Claim
from kymflow.core.quantities import Kind, convert, is_uncalibrated, parse_count, parse_number
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    from tifffile import TiffPage

X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, MM_HEADER = 282, 283, 296, 34361
COARSEST = 10.0
"""µm per pixel in inches or centimetres beyond which a resolution is a printer's (72 or 300 dpi):
a red blood cell is smaller than such a pixel."""

_OTHERS = ("TheC", "TheZ")
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
# FluoView's TIFFs all have 72 or 10,000 pixels per cm, whatever the true distance.
_FLUOVIEW = re.compile(r"FV[0-9]")
_LINE_PERIOD = re.compile(r"^\s*(?:scanimage\.)?SI\w*\.(?:\w+\.)*linePeriod\s*=\s*(\S+)", re.M)


@dataclass(frozen=True, slots=True)
class OmePixels:
    """The ``Pixels`` element of OME-XML.

    Attributes:
        attributes: Its attributes.
        planes: Those of its ``Plane`` elements.
        files: Names of files that its planes lie in, where it tells of any.
    """

    attributes: Mapping[str, str]
    planes: tuple[Mapping[str, str], ...]
    files: frozenset[str]

    def told(self, axis: str) -> int | None:
        """Return the length of an axis, None where it is not told."""
        return parse_count(self.attributes.get(f"Size{axis}", ""))

    def size(self, axis: str) -> int:
        """Return the length of an axis, 1 where it is not told."""
        return self.told(axis) or 1


def read_claims(page: TiffPage) -> Iterator[Claim]:
    """Yield what a TIFF's first page says of the scale, a claim per kind of metadata it has."""
    readers = {
        "fluoview": _fluoview,
        "ome": _ome,
        "imagej": _imagej,
        "scanimage": _scanimage,
        "tiff": _tags,
    }
    for source, read in readers.items():
        try:
            claim = read(page)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            # Damaged metadata costs no pixels.
            claim = Claim(source, notes=(f"it is not understood: {first_line(error)}",))
        if claim is not None:
            yield claim


def ome_pixels(page: TiffPage) -> OmePixels | None:
    """Return the first ``Pixels`` of a page's OME-XML; None where there is none.

    Raises:
        ValueError: If it is not XML, or declares entities, which OME-XML does not need.
    """
    text = page.description
    if not page.is_ome:
        return None
    if "<!" in text.replace("<!--", ""):
        raise ValueError("it declares a document type")
    try:
        root = ElementTree.fromstring(text)  # noqa: S314 - no entities, see above
    except ElementTree.ParseError as error:
        raise ValueError(str(error)) from error
    for pixels in _named(root, "Pixels"):
        planes = tuple(plane.attrib for plane in _named(pixels, "Plane"))
        files = frozenset(uuid.get("FileName", "") for uuid in _named(pixels, "UUID"))
        return OmePixels(pixels.attrib, planes, files - {""})
    return None


def imagej_properties(page: TiffPage) -> dict[str, str]:
    """Return the properties of a page's ImageJ description; empty where it has none."""
    text = page.description if page.is_imagej else ""
    pairs = (line.partition("=") for line in re.split(r"[\r\n]+", text))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}


def _fluoview(page: TiffPage) -> Claim | None:
    header = page.tags.valueof(MM_HEADER)
    dimensions = header.get("Dimensions") if isinstance(header, dict) else None
    if not dimensions:
        return None
    notes: list[str] = []
    sizes: dict[str, int] = {}
    steps: dict[str, float | None] = {}
    for name, size, _, step, unit in dimensions:
        if name in ("X", "T"):
            sizes[name] = int(size)
            kind: Kind = "length" if name == "X" else "time"
            steps[name] = _read(str(step), unit, kind, f"{name} Resolution", notes)
    shape = (sizes.get("T"), sizes.get("X"))
    return Claim("fluoview", steps.get("T"), steps.get("X"), shape, tuple(notes))


def _ome(page: TiffPage) -> Claim | None:
    pixels = ome_pixels(page)
    if pixels is None:
        return None
    notes: list[str] = []
    given = pixels.attributes
    um = _attribute(given, "PhysicalSizeX", "µm", "length", notes)
    seconds = _attribute(given, "TimeIncrement", "s", "time", notes)
    lines_are_frames = pixels.size("Y") == 1 and pixels.size("T") > 1
    by_planes = _seconds_between_planes(pixels) if lines_are_frames else None
    if seconds and by_planes and abs(by_planes - seconds) > AGREE * seconds:
        notes.append(f"TimeIncrement is {seconds:.6g} s, its planes are {by_planes:.6g} s apart")
    shape = (pixels.told("T" if lines_are_frames else "Y"), pixels.told("X"))
    return Claim("ome", seconds or by_planes, um, shape, tuple(notes))


def _seconds_between_planes(pixels: OmePixels) -> float | None:
    """Return the mean time between planes of the first channel, s, from their ``DeltaT``."""
    times: dict[int, float] = {}
    for plane in pixels.planes:
        when = parse_number(plane.get("DeltaT", ""), ".")
        frame = parse_count(plane.get("TheT", ""))
        if when is None or frame is None or any(plane.get(axis, "0") != "0" for axis in _OTHERS):
            continue
        seconds = convert(when, plane.get("DeltaTUnit", "s"), "time")
        if seconds is not None:
            times[frame] = seconds
    if len(times) < 2:
        return None
    start, end = min(times), max(times)
    step = (times[end] - times[start]) / (end - start)
    return step if step > 0 else None


def _imagej(page: TiffPage) -> Claim | None:
    properties = imagej_properties(page)
    if not properties:
        return None
    notes: list[str] = []
    unit = properties.get("unit", "")
    um, along_lines = None, None
    if not is_uncalibrated(unit):
        um = _pixel_size(page, X_RESOLUTION, unit, "length", notes)
    line_unit = properties.get("yunit", "")
    if convert(1.0, line_unit, "time"):
        along_lines = _pixel_size(page, Y_RESOLUTION, line_unit, "time", notes)
    seconds, interval = None, properties.get("finterval", "")
    if parse_number(interval, ".") != 0:  # which is what ImageJ writes if it was never set
        unit = properties.get("tunit", "s")
        seconds = _read(interval, unit, "time", "finterval", notes) if interval else None
    if along_lines and seconds and abs(along_lines - seconds) > AGREE * along_lines:
        notes.append(f"finterval is {seconds:.6g} s, and lines are {along_lines:.6g} s apart")
    return Claim("imagej", along_lines or seconds, um, notes=tuple(notes))


def _scanimage(page: TiffPage) -> Claim | None:
    match = _LINE_PERIOD.search(page.software) or _LINE_PERIOD.search(page.description)
    if match is None:
        return None
    notes: list[str] = []
    seconds = _read(match[1], "s", "time", "linePeriod", notes)
    return Claim("scanimage", seconds, notes=tuple(notes))


def _tags(page: TiffPage) -> Claim | None:
    unit = _RESOLUTION_UNITS.get(page.tags.valueof(RESOLUTION_UNIT) or 0)
    if unit is None or _FLUOVIEW.match(page.software):
        return None
    um = _pixel_size(page, X_RESOLUTION, unit, "length", [])
    return Claim("tiff", um_per_pixel=um) if um else None


def _pixel_size(page: TiffPage, tag: int, unit: str, kind: Kind, notes: list[str]) -> float | None:
    """Return how far pixels are apart, in µm or s, from how many of them go into a unit."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or not all(value):
        return None
    size = convert(value[1] / value[0], unit, kind)
    if size is None:
        notes.append(f"its unit {unit!a} is not understood")
    elif unit in _RESOLUTION_UNITS.values() and size > COARSEST:
        return None
    return size


def _attribute(
    given: Mapping[str, str], name: str, default: str, kind: Kind, notes: list[str]
) -> float | None:
    if name not in given:
        return None
    return _read(given[name], given.get(f"{name}Unit", default), kind, name, notes)


def _read(text: str, unit: str, kind: Kind, name: str, notes: list[str]) -> float | None:
    """Read a figure and its unit; None if the unit says that there is none."""
    if is_uncalibrated(unit):
        return None
    number = parse_number(text, ".")
    value = None if number is None else convert(number, unit, kind)
    if value is None or value <= 0:
        notes.append(f"{name} {text[:40]!a} {unit!a} is not understood")
        return None
    return value


def _named(element: ElementTree.Element, name: str) -> Iterator[Any]:
    return (each for each in element.iter() if each.tag.rpartition("}")[2] == name)
