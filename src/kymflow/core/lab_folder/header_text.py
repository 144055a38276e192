"""The text of an Olympus header: its encoding, its lines, its sections of keys and values."""

from __future__ import annotations

import re

from kymflow.core.quantities import fold_unit

Sections = dict[str, dict[str, str]]

_BOMS = (
    (b"\xef\xbb\xbf", "utf-8-sig"),
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
_CODE_PAGES = ("cp1252", "cp932", "gb18030", "euc_kr", "big5", "cp437")
_UNIT = re.compile(r"\[([^\[\]\r\n]{1,40})\]")
_BREAK = re.compile(r"\r\n|\r|\n")
_QUOTED = re.compile(r'"(?P<key>[^"\t]*)"(?:[ \t]*\t[ \t]*"(?P<value>.*)")?[ \t]*', re.DOTALL)
_BARE = re.compile(r'(?P<key>\[[^"\t]+\]|[^"\t]+(?=\t))(?:\t(?P<value>.*))?')
_SECTION = re.compile(r"\[(?P<name>.+)\]")
_MOST_JOINED = 100  # lines of one value


def decode_header(data: bytes) -> str:
    """Return a header's text, whatever encoding the microscope's computer used.

    UTF-8, UTF-16 and UTF-32 are told by their bytes. Of the code pages the first is taken in which
    the most units are readable: that is where µ differs.
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    if b"\0" in data[:2]:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        texts = [text for page in _CODE_PAGES if (text := _decoded(data, page)) is not None]
        return min(texts, key=_unreadable_units, default="") or data.decode("latin-1")


def parse_sections(text: str) -> tuple[Sections, list[int]]:
    """Read a header's sections; of a key that stands twice in one, the first value counts.

    A line is ``"key"<TAB>"value"``; quotes within the value are part of it, quotes around it may
    be missing, and a value may go over several lines. Lines end with LF, CRLF or CR only.

    Returns:
        The sections, and the numbers of the lines (from 1) that are nothing of this kind or stand
        before the first ``[Section]``.
    """
    sections: Sections = {}
    current: dict[str, str] | None = None
    odd: list[int] = []
    lines = _BREAK.split(text.lstrip("\ufeff"))
    place = 0
    while place < len(lines):
        number, line = place + 1, lines[place].strip(" \0")
        place += 1
        if not line.strip():
            continue
        match = _QUOTED.fullmatch(line) or _BARE.fullmatch(line)
        if match is None:
            match, place = _joined(line, lines, place)
        named = match and _SECTION.fullmatch(match["key"].strip())
        if named:
            current = sections.setdefault(named["name"], {})
        elif match is None or current is None:
            odd.append(number)
        else:
            current.setdefault(match["key"].strip(), _value(match["value"]))
    return sections, odd


def look_up(sections: Sections, section: str, key: str) -> str:
    """Return a value, the case and the blanks of its names aside; empty if it is not there."""
    for name, values in sections.items():
        if _folded(name) == _folded(section):
            for own, value in values.items():
                if _folded(own) == _folded(key):
                    return value
    return ""


def _joined(line: str, lines: list[str], place: int) -> tuple[re.Match[str] | None, int]:
    """Read a value that goes over several lines; return it, and the place behind it."""
    if line.startswith('"') and '\t"' in line:
        for end in range(place, min(place + _MOST_JOINED, len(lines))):
            if lines[end].startswith('"') and "\t" in lines[end]:
                break  # the next key
            line = f"{line}\n{lines[end]}"
            match = _QUOTED.fullmatch(line)
            if match:
                return match, end + 1
    return None, place


def _value(text: str | None) -> str:
    """Return a value; quotes within it that are doubled, as in CSV, are single again."""
    value = (text or "").strip()
    return value.replace('""', '"') if '"' not in value.replace('""', "") else value


def _folded(name: str) -> str:
    return "".join(name.split()).casefold()


def _decoded(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return None


def _unreadable_units(text: str) -> int:
    return sum(not fold_unit(unit).isascii() for unit in _UNIT.findall(text))
