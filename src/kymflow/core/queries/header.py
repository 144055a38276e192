"""What a named query says of itself: the comment that its SQL begins with.

::

    -- How often events occur in each group of images.
    -- Any more that there is to know.
    -- Tables   kym_images, kym_velocity_events
    -- Params   by        column of kym_images  = condition  what groups the images
    --          within_s  number, s             = 0.05       how far apart they may be
    -- Output   group; n_images: how many; mean_s
    -- Units    group {by}, mean_s s
    -- Plot     bar, x=group, y=mean_s

A parameter is a ``text``, an ``integer``, a ``number`` or a ``boolean``, with its unit after a
comma, bound as ``$name``; or it names a ``column of`` some tables or a ``table``, and has a
fragment ``{name}``. A table's ledger and params have the fragments ``{name_runs}`` and
``{name_params}``. A ``number > 0`` must be above 0.

``Units`` are those of the answer's columns: ``{by}`` is that of the column which the parameter
names. ``Plot`` is how to draw the answer: the kind of plot, and the columns on its axes.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from kymflow_zarr.errors import UsageError

_SECTION = re.compile(r"(Tables|Params|Output|Units|Plot)\s+(.*)")
_PARAMETER = re.compile(
    r"(?P<name>\w+)\s{2,}"
    r"(?P<kind>text|integer|number|boolean|table|column)(?P<above> > 0)?"
    r"(?: of (?P<tables>\w+(?:, \w+)*)|, (?P<unit>\S+))?\s+"
    r"= (?P<default>\S+)\s{2,}(?P<about>.+)"
)
_AXES = re.compile(r"(?P<kind>\w+), x=(?P<x>\w+)(?:, y=(?P<y>\w+))?(?:, colour=(?P<colour>\w+))?")
_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a named query.

    Attributes:
        name: Its name.
        kind: ``text``, ``integer``, ``number``, ``boolean``, ``column`` or ``table``.
        default: Its value where none is given; None for no restriction.
        about: What it does.
        unit: Of a number; None if it has none.
        tables: The tables that a column may be of.
        positive: Whether a number must be above 0.
    """

    name: str
    kind: str
    default: object
    about: str
    unit: str | None = None
    tables: tuple[str, ...] = ()
    positive: bool = False

    def value(self, given: object) -> object:
        """Return a value in this parameter's type; texts are read, as from a command line.

        Raises:
            UsageError: If it does not fit.
        """
        if given is None and self.default is None:
            return None
        value = _converted(self.kind, given)
        if value is None:
            article = "an" if self.kind == "integer" else "a"
            raise UsageError(f"{self.name} must be {article} {self.kind}, not {given!r}")
        if self.kind == "number" and not self._accepts(float(str(value))):
            least = " above 0" if self.positive else ""
            raise UsageError(f"{self.name} must be a finite number{least}, not {given!r}")
        return value

    def _accepts(self, number: float) -> bool:
        return math.isfinite(number) and (number > 0 or not self.positive)


@dataclass(frozen=True, slots=True)
class Axes:
    """How to draw the answer of a named query.

    Attributes:
        kind: The kind of plot.
        x: The column on the x axis.
        y: The column on the y axis; None where rows are counted.
        colour: The column that colours stand for, None for none.
    """

    kind: str
    x: str
    y: str | None
    colour: str | None


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """A named query.

    Attributes:
        name: Its name.
        summary: What it answers, one line.
        about: The summary and what else there is to know.
        tables: The tables it reads; ``{table}`` stands for the one that a parameter names.
        parameters: Its parameters.
        output: The columns of its answer.
        units: The unit of each column that has one; ``{name}`` stands for that of the column which
            the parameter of this name names.
        axes: How to draw the answer.
        sql: Its text, fragments and header included.
    """

    name: str
    summary: str
    about: str
    tables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    output: str
    units: Mapping[str, str]
    axes: Axes
    sql: str


def read_header(name: str, sql: str) -> NamedQuery:
    """Read the header of a named query.

    Raises:
        ValueError: If it is not as it must be.
    """
    sections: dict[str, list[str]] = {"": []}
    section = ""
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        text = line.removeprefix("--").strip()
        if found := _SECTION.match(text):
            section, text = found.groups()
        sections.setdefault(section, []).append(text)
    about = sections[""]
    if not about or not {"Tables", "Output", "Plot"} <= sections.keys():
        raise ValueError(
            f"query {name!r} does not say what it answers, its Tables, its Output and its Plot"
        )
    return NamedQuery(
        name=name,
        summary=about[0],
        about=" ".join(about),
        tables=tuple(re.split(r",\s*", " ".join(sections["Tables"]))),
        parameters=tuple(_parameter(name, line) for line in sections.get("Params", [])),
        output=" ".join(sections["Output"]),
        units=_units(name, " ".join(sections.get("Units", []))),
        axes=_axes(name, " ".join(sections["Plot"])),
        sql=sql,
    )


def _parameter(query: str, line: str) -> Parameter:
    found = _PARAMETER.fullmatch(line)
    if found is None:
        raise ValueError(f"query {query!r}: this is no parameter: {line!r}")
    kind, tables, default = found["kind"], found["tables"], found["default"]
    return Parameter(
        name=found["name"],
        kind=kind,
        default=None if default == "NULL" else _converted(kind, default),
        about=found["about"],
        unit=found["unit"],
        tables=tuple(re.split(r",\s*", tables)) if tables else (),
        positive=found["above"] is not None,
    )


def _units(query: str, text: str) -> dict[str, str]:
    pairs = [entry.split() for entry in text.split(",")] if text else []
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError(f"query {query!r}: these are no columns with their units: {text!r}")
    return dict(pairs)


def _axes(query: str, text: str) -> Axes:
    found = _AXES.fullmatch(text)
    if found is None:
        raise ValueError(f"query {query!r}: this is no plot: {text!r}")
    return Axes(**found.groupdict())


def _converted(kind: str, given: object) -> object:
    """Return a value in a type; None if it does not fit."""
    if kind == "boolean":
        return given if isinstance(given, bool) else _BOOLEANS.get(str(given).lower())
    if isinstance(given, bool):
        return None
    try:
        if kind == "integer":
            return int(given) if isinstance(given, int | str) else None
        if kind == "number":
            return float(given) if isinstance(given, int | float | str) else None
    except ValueError:
        return None
    return given if isinstance(given, str) and given else None
