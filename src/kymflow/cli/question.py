"""What a command asks: the options that give a query, its parameters and its time."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from kymflow.cli import completing
from kymflow.cli.options import MOMENT, Finite

if TYPE_CHECKING:
    import polars as pl
    import pyarrow as pa

    from kymflow.core.kym_dataset import KymDataset
    from kymflow_zarr.tables.types import AsOf

STDIN = "-"
_INT = re.compile(r"[+-]?(0|[1-9]\d*)")
_FLOAT = re.compile(r"[+-]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}

Value = int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Question:
    """A query and how to ask it.

    Args:
        text: The SQL, or the name of a named query.
        params: Values for ``$name`` in it, or for the named query's parameters, as texts.
        timeout: Seconds it may take; None for as long as it takes.
        named: Whether the text is a name.
        explained: Whether to ask how it would be answered instead.
        at: The version or moment to ask; None for now.
    """

    text: str
    params: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    named: bool = False
    explained: bool = False
    at: AsOf = None

    def batches(self, kym: KymDataset) -> pa.RecordBatchReader:
        """Ask, and return the answer batch by batch."""
        sql, values = self._statement(kym)
        return kym.sql_lazy(sql, values, timeout=self.timeout, at=self.at)

    def frame(self, kym: KymDataset) -> pl.DataFrame:
        """Ask, and return the answer as a frame."""
        sql, values = self._statement(kym)
        return kym.sql(sql, values, timeout=self.timeout, at=self.at)

    def _statement(self, kym: KymDataset) -> tuple[str, dict[str, Any] | None]:
        values: dict[str, Any]
        if self.named:
            from kymflow.core.queries.library import fill

            sql, values = fill(kym.dataset, self.text, self.params)
        else:
            sql, values = self.text, {name: parse_value(v) for name, v in self.params.items()}
        return f"EXPLAIN {sql}" if self.explained else sql, values or None


def question_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a :class:`Question`, which it takes as ``question``.

    It is None where none is given and someone sits at the terminal.
    """

    @click.argument("query", required=False, help="DuckDB SQL; - reads it from standard input.")
    @click.option(
        "-f",
        "--file",
        metavar="FILE",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Read the SQL from a file.",
    )
    @click.option(
        "--query",
        "name",
        metavar="NAME",
        shell_complete=completing.queries,
        help="Ask a named query: `kymflow queries`.",
    )
    @click.option(
        "-p",
        "--param",
        "params",
        metavar="NAME=VALUE",
        multiple=True,
        callback=_split_params,
        shell_complete=completing.query_params,
        help="A value for a named query's parameter, or for $NAME in the SQL: a whole number, a "
        'number, true, false, null, else text; "007" in double quotes is text.',
    )
    @click.option(
        "--timeout",
        metavar="SECONDS",
        type=Finite(min=0, min_open=True),
        help="Stop the query when it takes longer.",
    )
    @click.option(
        "--at",
        metavar="VERSION|TIME",
        type=MOMENT,
        help="Ask the tables as they were, in a DuckLake: a version of `kymflow history`, or a "
        "time such as 2026-03-01T14:30.",
    )
    @wraps(command)
    def with_question(
        *args: Any,
        query: str | None,
        file: Path | None,
        name: str | None,
        params: dict[str, str],
        timeout: float | None,
        at: AsOf,
        **kwargs: Any,
    ) -> None:
        if sum(each is not None for each in (query, file, name)) > 1:
            raise click.UsageError("give one of QUERY, --file and --query")
        text = name or _text(query, file)
        named = name is not None
        if text is None and at is not None:
            raise click.UsageError("--at goes with a QUERY")
        question = None if text is None else Question(text, params, timeout, named=named, at=at)
        command(*args, question=question, **kwargs)

    return with_question


def parse_value(text: str) -> Value:
    """Return the value that a text means: int, float, bool, None, else the text itself.

    A text in double quotes is the text between them, so that ``"3"`` is no number.

    Raises:
        click.UsageError: If it is a number that no float holds.
    """
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isinf(number):
            raise click.UsageError(f"{text} is larger than any number here")
        return number
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def split_params(given: Iterable[str]) -> dict[str, str]:
    """Return the names and values of texts like ``name=value``.

    Raises:
        click.UsageError: If one is not like that.
    """
    params = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise click.UsageError(f"{text!r} is not NAME=VALUE")
        params[name.strip().removeprefix("$")] = value
    return params


def _split_params(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    return split_params(given)


def _text(query: str | None, file: Path | None) -> str | None:
    if file is not None:
        from kymflow_zarr.store.reads import read_file

        return decoded(read_file(file), str(file))
    if query == STDIN or (query is None and not sys.stdin.isatty()):
        return decoded(sys.stdin.buffer.read(), "standard input")
    return query


def decoded(data: bytes, source: str) -> str:
    """Return SQL read from a file or pipe.

    Raises:
        click.UsageError: If it is not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{source} is not UTF-8 text: {error}") from error
