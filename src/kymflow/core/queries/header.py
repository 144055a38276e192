"""What a named query says of itself: the comment that its SQL begins with.

::

    -- How often events occur in each group of images.
    -- Any more that there is to know.
    -- Tables   kym_images, kym_velocity_events
    -- Params   by        column of kym_images  = condition  what groups the images
    --          within_s  number, s             = 0.05       how far apart they may be
    -- Output   group; n_images: how many

A parameter is a ``text``, an ``integer``, a ``number`` or a ``boolean``, with its unit after a
comma, bound as ``$name``; or it names a ``column of`` some tables or a ``table``, and has a fragment
``{name}``. A table's ledger and params have the fragments ``{name_runs}`` and ``{name_params}``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kymflow_zarr.errors import UsageError

_SECTION = re.compile(r"(Tables|Params|Output)\s+(.*)")
_PARAMETER = re.compile(
    r"(?P<name>\w+)\s{2,}"
    r"(?P<kind>text|integer|number|boolean|table|column)"
    r"(?: of (?P<tables>\w+(?:, \w+)*)|, (?P<unit>\S+))?\s+"
    r"= (?P<default>\S+)\s{2,}(?P<about>.+)"
)
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
    """

    name: str
    kind: str
    default: object
    about: str
    unit: str | None = None
    tables: tuple[str, ...] = ()

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
        return value


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
        sql: Its text, fragments and header included.
    """

    name: str
    summary: str
    about: str
    tables: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    output: str
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
    if not about or "Tables" not in sections or "Output" not in sections:
        raise ValueError(f"query {name!r} does not say what it answers, its Tables and its Output")
    return NamedQuery(
        name=name,
        summary=about[0],
        about=" ".join(about),
        tables=tuple(re.split(r",\s*", " ".join(sections["Tables"]))),
        parameters=tuple(_parameter(name, line) for line in sections.get("Params", [])),
        output=" ".join(sections["Output"]),
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
    )


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
