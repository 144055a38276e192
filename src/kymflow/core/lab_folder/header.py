"""The microscope's header: an Olympus text file of quoted keys and values in sections."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from kymflow.core.lab_folder.reading import MAX_METADATA, broken, read_bytes

_LINE = re.compile(r'^"(?P<key>[^"]*)"(?:\t"(?P<value>[^"]*)")?\s*$')
_SECTION = re.compile(r"^\[(?P<name>.+)\]$")
_DATES = ("%m/%d/%Y %I:%M:%S.%f %p", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S.%f")
_UM_PER_PIXEL = re.compile(r"(?<![0-9.])([0-9.]++)\s*+\[[uµ]m/pixel\]")
_SIZE = re.compile(r"([0-9]++)\s*+\*\s*+([0-9]++)\s*+\[pixel\]")
_MS = re.compile(r"\*\s*+([0-9.]++)\s*+\[ms\]")
_NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{0,30})?")


@dataclass(frozen=True, slots=True)
class Header:
    """What a header says; None where it does not say.

    Attributes:
        sections: Every section's keys and values, as text.
        acquired_at: Local wall-clock time of the acquisition.
        um_per_pixel: Distance between pixels along the line, µm.
        seconds_per_line: Time between lines, s.
        shape: Lines and pixels a line.
    """

    sections: dict[str, dict[str, str]]
    acquired_at: datetime | None
    um_per_pixel: float | None
    seconds_per_line: float | None
    shape: tuple[int, int] | None

    @property
    def acquired_local_epoch_ns(self) -> int | None:
        """The local wall-clock time as ns since 1970, as if that clock were UTC."""
        if self.acquired_at is None:
            return None
        since = self.acquired_at.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


def read_header(path: Path) -> Header:
    """Read a header file.

    Raises:
        SourceFileError: If it is not of that form.
    """
    sections: dict[str, dict[str, str]] = {}
    current: dict[str, str] | None = None
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if not line.strip():
            continue
        match = _LINE.match(line)
        if match is None:
            raise broken(path, f'line {number} is not "key"<TAB>"value"')
        named = _SECTION.match(match["key"])
        if named:
            current = sections.setdefault(named["name"], {})
        elif current is None:
            raise broken(path, f"line {number} stands before the first [Section]")
        else:
            current[match["key"]] = match["value"] or ""
    try:
        return _interpreted(sections)
    except ValueError as error:
        raise broken(path, str(error)) from error


def _text(path: Path) -> str:
    data = read_bytes(path, MAX_METADATA)
    utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    encodings = ["utf-16"] if utf16 else ["utf-8-sig", "latin-1"]
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise broken(path, "its text encoding is not known")


def _interpreted(sections: dict[str, dict[str, str]]) -> Header:
    image = sections.get("Image", {})
    pixel = _UM_PER_PIXEL.search(sections.get("Dimensions", {}).get("X Dimension", ""))
    size = _SIZE.match(image.get("Image Size", ""))
    total = _MS.search(image.get("Image Size(Unit Converted)", ""))
    shape = (int(_number(size[2])), int(_number(size[1]))) if size else None
    return Header(
        sections=sections,
        acquired_at=_date(sections.get("General", {}).get("Date", "")),
        um_per_pixel=_number(pixel[1]) if pixel else None,
        seconds_per_line=_number(total[1]) / 1000 / shape[0]
        if total and shape and shape[0]
        else None,
        shape=shape,
    )


def _number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text[:40]!r} is no number of its kind")
    return float(text)


def _date(text: str) -> datetime | None:
    for form in _DATES:
        try:
            return datetime.strptime(text.strip(), form)
        except ValueError:
            continue
    return None
