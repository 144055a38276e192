"""DuckDB's messages made better: a short first line, near misses, the place, the way out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kymflow_zarr.sql.hints import did_you_mean, near

if TYPE_CHECKING:
    from kymflow_zarr.sql.views import Views

_TABLE = re.compile(r'Table with name "?(?P<name>.+?)"? does not exist')
_COLUMN = re.compile(
    r'(?:Referenced column|does not have a column named|[Cc]olumn) "(?P<name>[^"]+)"'
    r"(?: not found| does not exist|\s*$| in \w+ list not found)",
    re.MULTILINE,
)
_CANDIDATES = re.compile(r"^(?:Candidate bindings|Did you mean)\b.*\n?", re.MULTILINE)
_QUOTED = re.compile(r'"([^"]+)"')
_WORD = re.compile(r"""'[^']*'|"[^"]*"|[\w.]+""")
_DETAIL_LINES = 12
_LISTED_TABLES = 3


def explained(text: str, tables: Views, columns: Mapping[str, Sequence[str]]) -> str:
    """Return DuckDB's message with what helps to repair the query.

    Args:
        text: DuckDB's message.
        tables: The tables there are.
        columns: The columns of each table that the query may mean.

    Returns:
        One short line; on further lines the place in the query, and what there is to choose from.
    """
    if found := _TABLE.search(text):
        return _with_hint(
            text, near(found["name"], tables.by_name), f"Tables here: {tables.listed}"
        )
    if found := _COLUMN.search(text):
        offered = _QUOTED.findall("".join(_CANDIDATES.findall(text)))
        known = [name for names in columns.values() for name in names]
        hint = near(found["name"], [*known, *offered])
        listed = [f"{table} has: {', '.join(names)}" for table, names in columns.items()]
        few = not hint and len(listed) <= _LISTED_TABLES
        return _with_hint(text, hint, "\n".join(listed) if few else "")
    if text.startswith("Permission Error"):
        return f"{text}\nSQL reads the tables of this dataset, and no other file or address."
    if text.startswith("Out of Memory Error"):
        # DuckDB's own advice is about settings, which are locked.
        first = text.splitlines()[0]
        return f"{first}\nSelect fewer columns or rows, or read a large answer with sql_lazy()."
    return _short(text)


def _with_hint(text: str, names: Sequence[str], there: str) -> str:
    first, _, rest = _short(_CANDIDATES.sub("", text)).partition("\n")
    stop = "" if first.endswith((".", "!", "?")) else "."
    lines = [f"{first}{stop}{did_you_mean(names)}", rest.strip("\n"), there]
    return "\n".join(line for line in lines if line)


def _short(text: str) -> str:
    """Leave out most of a long list, such as that of every form of a function."""
    lines = [line for line in text.splitlines() if line.strip()]
    place = next((n for n, line in enumerate(lines) if line.startswith("LINE ")), len(lines))
    if place + 1 < len(lines) and lines[place + 1].strip() == "^":
        lines[place + 1] = _underlined(lines[place], lines[place + 1].index("^"))
    if place > _DETAIL_LINES:
        lines[_DETAIL_LINES:place] = [f"… and {place - _DETAIL_LINES} lines more"]
    return "\n".join(lines)


def _underlined(line: str, start: int) -> str:
    """Return the line of carets for the word that begins at a place in a line."""
    word = _WORD.match(line, start)
    return " " * start + "^" * (len(word[0]) if word else 1)
