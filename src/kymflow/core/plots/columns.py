"""Which columns of a frame a plot shows: those named, else a good guess."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import polars as pl
import polars.selectors as cs

from kymflow_zarr.errors import UsageError

_MEASURED = (("hist", "x"), ("bar", "y"), ("box", "y"))
"""The channels that are summed up, and so take numbers only."""
SERIES = 20
"""More kinds than this can't be told apart by colour."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns that a plot shows, by name; None where it has no such channel."""

    x: str | None
    y: str | None
    color: str | None

    @property
    def named(self) -> dict[str, str]:
        """Return those there are, each under its channel."""
        channels = {"x": self.x, "y": self.y, "color": self.color}
        return {channel: name for channel, name in channels.items() if name is not None}


def choose(
    frame: pl.DataFrame, kind: str, x: str | None, y: str | None, color: str | None
) -> Columns:
    """Choose the columns of a plot.

    Measures are numbers other than ids and channels; kinds are texts, truth values, ids.

    Args:
        frame: The data.
        kind: The kind of plot.
        x: The column on the x axis, None to guess it.
        y: Likewise on the y axis.
        color: Likewise the one told by colour.

    Raises:
        UsageError: If a column named is not there, or there is none that fits.
    """
    for name in filter(None, (x, y, color)):
        if name not in frame.columns:
            raise UsageError(f"no column {name!r} to plot; there are {', '.join(frame.columns)}")
    chosen = _GUESSES[kind](_Free(frame, (x, y, color)), x, y, color)
    for channel, name in chosen.named.items():
        dtype = frame.schema[name]
        if not (is_kind(name, dtype) or dtype.is_numeric() or _is_time(name, dtype)):
            raise UsageError(f"column {name!r} ({dtype}) can't be plotted as {channel}")
        if (kind, channel) in _MEASURED and not (
            dtype.is_numeric() or (kind == "hist" and _is_time(name, dtype))
        ):
            raise UsageError(
                f"column {name!r} ({dtype}) can't be plotted as {channel} of a {kind} plot, which "
                f"takes numbers"
            )
    return chosen


class _Free:
    """The columns of a frame that are not taken yet."""

    def __init__(self, frame: pl.DataFrame, taken: Iterable[str | None]) -> None:
        self.frame = frame
        self.taken = set(taken)

    def take(self, *tests: Callable[[str, pl.DataType], bool]) -> str | None:
        """Return the first free column that passes the first test that one passes."""
        for test in tests:
            for name, dtype in self.frame.schema.items():
                if name not in self.taken and test(name, dtype):
                    self.taken.add(name)
                    return name
        return None

    def need(self, kind: str, what: str, *tests: Callable[[str, pl.DataType], bool]) -> str:
        """Do as :meth:`take`, or say which column is missing."""
        found = self.take(*tests)
        if found is None:
            columns = ", ".join(f"{name} {dtype}" for name, dtype in self.frame.schema.items())
            raise UsageError(f"a {kind} plot needs {what}; the columns are: {columns}")
        return found

    def few(self, name: str, dtype: pl.DataType) -> bool:
        """Tell whether a column holds several kinds, few enough to tell apart by colour."""
        return is_kind(name, dtype) and 1 < self.frame[name].n_unique() <= SERIES


def is_kind(name: str, dtype: pl.DataType) -> bool:
    """Tell whether a column tells rows apart rather than measures something."""
    texts = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
    return isinstance(dtype, texts) or (dtype.is_integer() and _is_id(name))


def _is_id(name: str) -> bool:
    return name == "id" or name.endswith("_id") or name == "channel"


def _is_measure(name: str, dtype: pl.DataType) -> bool:
    return dtype.is_numeric() and not _is_id(name)


def _is_number(_: str, dtype: pl.DataType) -> bool:
    return dtype.is_numeric()


def _is_time(_: str, dtype: pl.DataType) -> bool:
    return isinstance(dtype, pl.Date | pl.Datetime)


def _line(free: _Free, x: str | None, y: str | None, color: str | None) -> Columns:
    x = x or free.need("line", "a time or number for x", _is_time, _is_measure, _is_number)
    y = y or free.need("line", "a number for y", _is_measure, _is_number)
    return Columns(x, y, color or free.take(free.few))


def _scatter(free: _Free, x: str | None, y: str | None, color: str | None) -> Columns:
    x = x or free.need("scatter", "a number for x", _is_measure, _is_time, _is_number)
    y = y or free.need("scatter", "a number for y", _is_measure, _is_number)
    return Columns(x, y, color or free.take(free.few))


def _bar(free: _Free, x: str | None, y: str | None, color: str | None) -> Columns:
    x = x or free.need("bar", "a column for x", is_kind, _is_time, lambda *_: True)
    if y is not None:
        return Columns(x, y, color)
    keys = [name for name in (x, color) if name is not None]
    if color is None and not _tell_apart(free.frame, keys):
        color = free.take(
            lambda name, dtype: _tell_apart(free.frame, [*keys, name]) and free.few(name, dtype)
        )
        keys = [name for name in (x, color) if name is not None]
    # Rows that the kinds tell apart are sums already; others are there to be counted.
    return Columns(x, free.take(_is_measure) if _tell_apart(free.frame, keys) else None, color)


def _tell_apart(frame: pl.DataFrame, keys: list[str]) -> bool:
    return not frame.select(cs.by_name(*keys)).is_duplicated().any()


def _hist(free: _Free, x: str | None, y: str | None, color: str | None) -> Columns:
    if y is not None:
        raise UsageError("the y axis of a histogram counts rows; leave --y out, or use bar")
    x = x or free.need("hist", "a number for x", _is_measure, _is_time, _is_number)
    return Columns(x, None, color or free.take(free.few))


def _box(free: _Free, x: str | None, y: str | None, color: str | None) -> Columns:
    y = y or free.need("box", "a number for y", _is_measure, _is_number)
    return Columns(x or free.take(is_kind), y, color)


_GUESSES: dict[str, Callable[[_Free, str | None, str | None, str | None], Columns]] = {
    "line": _line,
    "scatter": _scatter,
    "bar": _bar,
    "hist": _hist,
    "box": _box,
}
