"""When an image was acquired: dates as microscopes write them, read in one way or not at all.

``02/11/2022`` is the 2nd of November in most of the world and the 11th of February in the United
States. The order of day and month is the one that other dates of the same form tell, in the
image's folder or else in the nearest folder around it; else the one of the header's own locale.
Where neither tells it, the date stays unknown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Literal

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.header import Header, read_header

Order = Literal["day first", "month first"]
Told = Order | Literal["contradictory"] | None
Form = tuple[str, str]
"""How a date is written: the sign between its numbers, and the halves of the day: ``AM``, ``a.m.``
or none."""

_CLOCK = (
    r"(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]+))?)?"
    r"(?:\s*(?P<half>[AP])(?P<dot>\.?)\s?M\.?)?\s*(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_BETWEEN = r"(?:\s*T\s*|\s*,\s*|\s+)"
_NUMBERS = re.compile(
    r"(?P<a>[0-9]{1,4})\s*(?P<sign>[./-])\s*(?P<b>[0-9]{1,2})\s*(?P=sign)\s*(?P<c>[0-9]{1,4})\.?"
    + _BETWEEN
    + _CLOCK,
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"(?:(?P<day>[0-9]{1,2})\.?[\s-]+)?(?P<name>[a-z]{3,9})\.?[\s-]+"
    r"(?:(?P<behind>[0-9]{1,2}),?\s+)?(?P<year>[0-9]{4})" + _BETWEEN + _CLOCK,
    re.IGNORECASE,
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class WrittenDate:
    """A date as it is written.

    Attributes:
        readings: What it can be, by the order of day and month; one entry each way where they
            differ, equal ones where the form leaves no choice.
        form: How it is written.
    """

    readings: dict[Order, datetime]
    form: Form

    @property
    def is_ambiguous(self) -> bool:
        """Whether it can be read in two ways."""
        return len(set(self.readings.values())) > 1

    @property
    def order(self) -> Order | None:
        """The order that this date tells of, None if it is good in both or names its month."""
        return next(iter(self.readings)) if len(self.readings) == 1 else None


def parse_date(text: str) -> WrittenDate | None:
    """Read a date with its time of day; None where the text is not one.

    Years have four digits and come first or last. A zone behind the time is passed over: what
    counts is the clock on the wall.
    """
    text = text.strip()
    match = len(text) <= _LONGEST and (_NUMBERS.fullmatch(text) or _NAMED.fullmatch(text))
    if not match:
        return None
    parts = match.groupdict()
    halves = "a.m." if parts["dot"] else "AM" if parts["half"] else ""
    form = (parts.get("sign", " "), halves)
    orders: dict[Order, tuple[str, str, str]]
    if "name" in parts:
        month = _month(parts["name"])
        both = (parts["year"], month, parts["day"] or parts["behind"] or "")
        orders = {"day first": both, "month first": both}
    elif len(parts["a"]) == 4:
        both = (parts["a"], parts["b"], parts["c"])
        orders = {"day first": both, "month first": both}
    elif len(parts["c"]) == 4:
        orders = {
            "day first": (parts["c"], parts["b"], parts["a"]),
            "month first": (parts["c"], parts["a"], parts["b"]),
        }
    else:
        return None
    readings = {order: when for order, date in orders.items() if (when := _moment(date, parts))}
    return WrittenDate(readings, form) if readings else None


def local_order(header: Header) -> Order | None:
    """Tell the order of day and month that a header's own locale has, None if it does not show.

    Decimal commas and points between the numbers of a date go with the day first. Slashes and a
    clock of AM and PM go with the month first, as in the United States.
    """
    written = parse_date(header.date)
    if written is None:
        return None
    sign, halves = written.form
    shown: set[Order] = set()
    if header.decimal == "," or sign == ".":
        shown.add("day first")
    if halves == "AM" and sign == "/":
        shown.add("month first")
    return shown.pop() if len(shown) == 1 else None


def acquired_at(header: Header, told: Told) -> tuple[datetime | None, str]:
    """Return when an image was acquired, by the wall clock, and what to say where that is unknown.

    Args:
        header: Its header.
        told: What the dates around it tell, from :class:`DateOrders`.
    """
    if not header.date.strip():
        return None, ""
    written = parse_date(header.date)
    if written is None:
        return None, f"Date: {header.date[:_LONGEST]!a} is not understood"
    if not written.is_ambiguous:
        return next(iter(written.readings.values())), ""
    order = None if told == "contradictory" else told or local_order(header)
    if order:
        return written.readings[order], ""
    day, month = (written.readings[each] for each in ("day first", "month first"))
    why = "the headers of its folder contradict one another" if told else "no other header tells"
    return None, f"Date: {header.date[:_LONGEST]!a} is {day:%Y-%m-%d} or {month:%Y-%m-%d}; {why}"


def local_epoch_ns(when: datetime) -> int:
    """Return a local wall-clock time as ns since 1970, as if that clock were UTC."""
    since = when.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000_000 + since.microseconds * 1000


class DateOrders:
    """The order of day and month in each folder of a lab folder.

    Args:
        images: All images of the lab folder. Their headers are read when a date first needs them.
    """

    def __init__(self, images: Iterable[LabImage]) -> None:
        self._images = images
        self._orders: dict[tuple[PurePosixPath, Form], set[Order]] | None = None

    def of(self, image: LabImage) -> Told:
        """Return the order that other dates of the same form tell an image's date to have.

        Those in its own folder and below count first, then those of the folder around it, and so
        on. None if no date tells it, or this one needs no telling.
        """
        written = _date_of(image.header)
        if written is None or not written.is_ambiguous:
            return None
        if self._orders is None:
            self._orders = self._read()
        for folder in PurePosixPath(image.path).parents:
            orders = self._orders.get((folder, written.form))
            if orders:
                return next(iter(orders)) if len(orders) == 1 else "contradictory"
        return None

    def _read(self) -> dict[tuple[PurePosixPath, Form], set[Order]]:
        orders: dict[tuple[PurePosixPath, Form], set[Order]] = defaultdict(set)
        for image in self._images:
            written = _date_of(image.header)
            if written and written.order:
                for folder in PurePosixPath(image.path).parents:
                    orders[folder, written.form].add(written.order)
        return dict(orders)


def _date_of(header: Path | None) -> WrittenDate | None:
    if header is None:
        return None
    try:
        return parse_date(read_header(header).date)
    except SourceFileError:
        return None


def _moment(date: tuple[str, str, str], clock: dict[str, str]) -> datetime | None:
    year, month, day = date
    hour, half = int(clock["hour"]), (clock["half"] or "").upper()
    if half and hour == 12:
        hour = 0
    if half == "P" and hour < 12:
        hour += 12
    elif half == "A" and hour > 12:
        return None
    micros = int(f"{clock['part'] or '0':0<6.6}")
    try:
        return datetime(
            *(int(year), int(month), int(day), hour),
            *(int(clock["minute"]), int(clock["second"] or 0), micros),
        )
    except ValueError:
        return None


def _month(name: str) -> str:
    number = (n for n, month in enumerate(_MONTHS, 1) if month.startswith(name.lower()))
    return str(next(number, ""))
