"""What the prompt offers while typing: tables, columns, keywords, functions, dot commands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prompt_toolkit.completion import CompleteEvent, Completer, Completion, PathCompleter
from prompt_toolkit.document import Document

from kymflow.cli.shell.shell import COMMANDS, MODES
from kymflow.core.queries.columns import list_columns
from kymflow.core.queries.library import named_queries
from kymflow_sql import statement
from kymflow_zarr.errors import DatasetError

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import KymDataset

COMMON = ("count", "avg", "sum", "min", "max", "median", "round", "coalesce", "quantile_cont")
"""Functions to offer before DuckDB's many others."""

_WORD = re.compile(r"(?:(?P<table>\w+)\.)?(?P<start>\w*)$")
_WANTS_TABLE = re.compile(
    r"\b(?:from|join|summarize|describe)\s+(?:\w+\s*,\s*)*\w*$", re.IGNORECASE
)
_READS = re.compile(r"\b(?:from|join)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Words:
    """What there is to complete.

    Attributes:
        columns: The columns of each table, each with its type.
        words: SQL's keywords and functions, each with which of the two it is.
    """

    columns: dict[str, dict[str, str]]
    words: dict[str, str]


class KnownWords:
    """What there is to complete over a dataset, looked up when first asked for.

    Args:
        kym: The dataset's tables.
    """

    def __init__(self, kym: KymDataset) -> None:
        self._kym = kym
        self._found: Words | None = None

    def __call__(self) -> Words:
        """Return it; nothing where the tables can't be read, which a query will say better."""
        if self._found is None:
            try:
                self._found = self._look_up()
            except DatasetError:
                self._found = Words({}, {})
        return self._found

    def forget(self) -> None:
        """Look again the next time: others may have changed the tables."""
        self._found = None

    def _look_up(self) -> Words:
        columns: dict[str, dict[str, str]] = {}
        for table, column, dtype in list_columns(self._kym).iter_rows():
            columns.setdefault(table, {})[column] = dtype
        return Words(columns, dict(self._kym.sql(statement("catalog/words")).iter_rows()))


class SqlCompleter(Completer):
    """Completes SQL and dot commands.

    Args:
        words: Returns what there is to complete.
    """

    def __init__(self, words: Callable[[], Words]) -> None:
        self._words = words
        self._paths = PathCompleter(expanduser=True)

    def get_completions(self, document: Document, event: CompleteEvent) -> Iterator[Completion]:
        """Yield what fits at the cursor, the likeliest first."""
        before = document.text_before_cursor
        if before.lstrip().startswith("."):
            yield from self._of_command(before.lstrip(), event)
            return
        found = _WORD.search(before)
        if found is None or _in_quotes(before):
            return
        start = found["start"]
        if found["table"]:
            yield from _offered(start, self._columns_of(found["table"], document.text).items())
        elif _WANTS_TABLE.search(before):
            yield from _offered(start, ((name, "table") for name in self._words().columns))
        elif start:
            yield from self._of_query(start, document.text)

    def _of_query(self, start: str, text: str) -> Iterator[Completion]:
        words = self._words()
        mentioned = [table for table, _ in _READS.findall(text) if table in words.columns]
        columns: dict[str, str] = {}
        for table in mentioned or words.columns:
            columns |= words.columns[table]
        yield from _offered(start, columns.items())
        yield from _offered(start, ((name, "table") for name in words.columns))
        common = dict.fromkeys(COMMON, "function")
        yield from _offered(start, (common | words.words).items())

    def _columns_of(self, name: str, text: str) -> dict[str, str]:
        aliases = {alias: table for table, alias in _READS.findall(text)}
        return self._words().columns.get(aliases.get(name, name), {})

    def _of_command(self, line: str, event: CompleteEvent) -> Iterator[Completion]:
        name, space, argument = line.partition(" ")
        if not space:
            commands = {command.split()[0]: text for command, text in COMMANDS.items()}
            yield from _offered(name, commands.items())
        elif name == ".read":
            yield from self._paths.get_completions(Document(argument), event)
        elif " " not in argument:
            queries = [query.name for query in named_queries()]
            options = {
                ".mode": MODES,
                ".timer": ("on", "off"),
                ".schema": self._words().columns,
                ".queries": queries,
                ".run": queries,
            }.get(name, ())
            yield from _offered(argument, ((option, "") for option in options))


def _offered(start: str, names: Iterable[tuple[str, str]]) -> Iterator[Completion]:
    """Yield the names that begin so; a keyword comes in the case that is being typed."""
    for name, meta in names:
        if name.lower().startswith(start.lower()):
            text = name.lower() if meta == "keyword" and start.islower() else name
            yield Completion(text, start_position=-len(start), display_meta=meta)


def _in_quotes(text: str) -> bool:
    return text.count("'") % 2 == 1
