"""The SQL statements of kymflow, one a file, and the loader that reads them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["names", "render", "statement"]


@cache
def statement(name: str) -> str:
    """Return the text of one statement.

    Args:
        name: Folder and file without its ending, e.g. ``"engine/staleness"``.

    Returns:
        The SQL text, header comment included.

    Raises:
        KeyError: If there is no such statement.
    """
    if name not in names():
        raise KeyError(f"no SQL statement {name!r}; there are {', '.join(names())}")
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


def render(name: str, **fragments: str) -> str:
    """Return a statement with its fragments put in, comments left out.

    A line break in a quoted name would end a comment, and what follows it would run.

    Args:
        name: The statement, as for :func:`statement`.
        fragments: SQL for each ``{fragment}``.
    """
    lines = (line for line in statement(name).splitlines() if not line.startswith("--"))
    return "\n".join(lines).format(**fragments)


@cache
def names() -> tuple[str, ...]:
    """Return every statement's name, sorted."""
    root = files(__package__)
    return tuple(
        sorted(
            f"{folder.name}/{entry.name.removesuffix('.sql')}"
            for folder in root.iterdir()
            if folder.is_dir()
            for entry in folder.iterdir()
            if entry.name.endswith(".sql")
        )
    )
