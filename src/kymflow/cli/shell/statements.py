"""Where statements end, seen with DuckDB's own eyes: a ; in a text or a comment ends nothing."""

from __future__ import annotations

import re

import duckdb

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


def split(text: str) -> tuple[list[str], str]:
    """Split a text into its finished statements and the rest.

    Args:
        text: SQL, perhaps still being typed.

    Returns:
        The statements, each with its semicolon, and what follows the last one, empty if that is
        comments only.
    """
    data = text.encode()
    ends = [
        place + 1
        for place, kind in duckdb.tokenize(text)
        if kind == duckdb.token_type.operator and data[place : place + 1] == b";"
    ]
    starts = [0, *ends]
    statements = [data[a:b].decode().strip() for a, b in zip(starts, ends, strict=False)]
    rest = data[starts[-1] :].decode().strip()
    return [s for s in statements if s != ";"], rest if _COMMENTS.sub("", rest).strip() else ""


def is_finished(text: str) -> bool:
    """Tell whether a line can be taken: it is empty, a command, or ends its statement."""
    if not text.strip() or text.lstrip().startswith(".") or is_exit(text):
        return True
    return not split(text)[1]


def is_exit(text: str) -> bool:
    """Tell whether a line is a word by which other shells are left."""
    return text.strip().rstrip(";").lower() in ("exit", "quit")
