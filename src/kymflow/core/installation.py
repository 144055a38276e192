"""What is installed of kymflow and of the libraries it uses, and what is missing."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Literal, NamedTuple

from packaging.requirements import Requirement

if TYPE_CHECKING:
    import polars as pl

State = Literal["ok", "not installed", "wrong version", "does not load"]
_BENCHMARKS = "bench"
"""The extra of a clone's benchmarks; nobody who uses kymflow needs it."""


class Part(NamedTuple):
    """A library, as it is found here.

    Attributes:
        part: ``"kymflow"`` for what it always needs, else the extra that wants the library.
        name: The library.
        version: The one installed; None if there is none.
        state: Whether it does.
        remedy: The command that helps; empty where none is needed.
    """

    part: str
    name: str
    version: str | None
    state: State
    remedy: str = ""


def examine() -> pl.DataFrame:
    """List Python, kymflow and each library that it uses or could use.

    Returns:
        Frame (part, name, version, state, remedy), one row per library, those always needed first.
        ``state`` is ``ok``, ``not installed``, ``wrong version`` or ``does not load``.

    Examples:
        >>> examine().filter(part="kymflow")["state"].unique().to_list()
        ['ok']
    """
    import polars as pl

    own = [
        Part("kymflow", "python", platform.python_version(), "ok"),
        Part("kymflow", "kymflow", version("kymflow"), "ok"),
    ]
    schema = dict.fromkeys(Part._fields, pl.String())
    return pl.DataFrame([*own, *_libraries()], schema=schema, orient="row")


def is_sound(parts: pl.DataFrame) -> bool:
    """Tell whether all that is installed works; extras that are not installed do no harm."""
    broken = parts.filter(
        ~parts["state"].is_in(["ok", "not installed"])
        | (parts["part"] == "kymflow") & (parts["state"] != "ok")
    )
    return broken.is_empty()


def _libraries() -> Iterator[Part]:
    for text in requires("kymflow") or ():
        requirement = Requirement(text)
        extra = _extra_of(requirement)
        if extra != _BENCHMARKS and requirement.name != "kymflow":
            yield _found(requirement, extra or "kymflow")


def _extra_of(requirement: Requirement) -> str | None:
    """Return the extra that a requirement belongs to, None for what is always needed."""
    text = str(requirement.marker or "")
    _, _, named = text.partition("extra == ")
    return named.strip("\"') ") or None


def _found(requirement: Requirement, part: str) -> Part:
    package = "kymflow" if part == "kymflow" else f"'kymflow[{part}]'"
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return Part(part, requirement.name, None, "not installed", f"pip install {package}")
    if not requirement.specifier.contains(found, prereleases=True):
        wanted = f"{requirement.name}{requirement.specifier}"
        return Part(part, requirement.name, found, "wrong version", f"pip install '{wanted}'")
    if requirement.name.startswith("duckdb-extension-") and not _loads(requirement.name):
        return Part(part, requirement.name, found, "does not load", f"pip install -U {package}")
    return Part(part, requirement.name, found, "ok")


def _loads(package: str) -> bool:
    """Tell whether an extension loads: each of its packages is for one version of DuckDB."""
    import duckdb

    from kymflow_zarr.errors import MissingExtraError
    from kymflow_zarr.tables.ducklake.extensions import load, options

    name = package.removeprefix("duckdb-extension-").replace("-", "_")
    config: dict[str, bool | int | float | str | list[str]] = {**options()}
    with duckdb.connect(config=config) as con:
        try:
            load(con, name)
        except MissingExtraError:
            return False
    return True
