"""What the SQL prompt does with a line: it asks the query, or does the dot command."""

from __future__ import annotations

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kymflow.cli.errors import remark, report
from kymflow.cli.output import PEOPLES, TABLE, VERTICAL, Output
from kymflow.cli.question import Question, decoded, split_params
from kymflow.cli.shell.statements import is_exit, split
from kymflow.core.formats import TEXTS, format_of
from kymflow_zarr.errors import DatasetError, UsageError
from kymflow_zarr.store.reads import read_file

if TYPE_CHECKING:
    import polars as pl

    from kymflow.core.kym_dataset import KymDataset

MODES = (*PEOPLES, *TEXTS)
COMMANDS = {
    ".tables": "list the tables",
    ".schema [TABLE]": "list the columns of a table, or of all",
    ".output [FILE]": "write answers to a file, each in place of the last; to the screen again",
    ".mode FORMAT": f"print answers as {', '.join(MODES)}",
    ".read FILE": "ask the queries in a file",
    ".queries [NAME]": "list the named queries, or show one's SQL",
    ".run NAME [P=VALUE …]": "ask a named query",
    ".timer on|off": "say how long an answer took, or don't",
    ".help": "list these commands",
    ".quit": "leave, as exit and Ctrl-D do",
}
"""The dot commands as they are written, each with what it does."""


class Leave(Exception):  # noqa: N818 - no error
    """The user wants to leave the prompt."""


class Shell:
    """The prompt's state, and its commands.

    Args:
        kym: The dataset's tables.
        mode: The format to begin with.

    Attributes:
        mode: The format of answers.
        timer: Whether to say how long an answer took.
        file: The file that answers are written to; None for the screen.
    """

    def __init__(self, kym: KymDataset, mode: str = TABLE) -> None:
        self.kym = kym
        self.mode = _checked(mode)
        self.timer = True
        self.file: Path | None = None

    def take(self, line: str) -> None:
        """Do what a line says; an error is reported and ends nothing.

        Raises:
            Leave: If it says to leave.
        """
        try:
            if is_exit(line):
                raise Leave
            if line.lstrip().startswith("."):
                name, _, argument = line.strip().partition(" ")
                self._command(name, argument.strip().rstrip(";"))
            else:
                self._ask_all(line)
        except (DatasetError, OSError, click.ClickException) as error:
            report(error, where=False)
        except KeyboardInterrupt:
            remark("\ninterrupted")

    def _command(self, name: str, argument: str) -> None:
        method = getattr(self, f"_do_{name[1:]}", None)
        if method is None:
            raise UsageError(f"there is no command {name}; .help lists them")
        method(argument)

    def _ask_all(self, text: str) -> None:
        statements, rest = split(text)
        for statement in [*statements, *([rest] if rest else [])]:
            self._ask(Question(statement))

    def _ask(self, question: Question) -> None:
        started = time.perf_counter()
        output = Output(None if self.file else self.mode, self.file)
        count = output.print_batches(question.batches(self.kym))
        if self.timer:
            rows = "row" if count == 1 else "rows"
            remark(f"{count:,} {rows} in {time.perf_counter() - started:.3f} s")

    def _show(self, frame: pl.DataFrame) -> None:
        Output(self.mode, limit=frame.height).print(frame)

    def _do_tables(self, _: str) -> None:
        from kymflow.core.kym_dataset.overview import describe_tables

        self._show(describe_tables(self.kym.dataset).drop("stale"))

    def _do_schema(self, table: str) -> None:
        from kymflow.core.queries.columns import describe_columns, list_columns

        self._show(describe_columns(self.kym, table) if table else list_columns(self.kym))

    def _do_mode(self, format_: str) -> None:
        self.mode = _checked(format_)

    def _do_output(self, file: str) -> None:
        path = Path(file).expanduser() if file else None
        if path is not None:
            format_of(path)  # says so now if the ending names no format
        self.file = path

    def _do_read(self, file: str) -> None:
        path = Path(file).expanduser()
        self._ask_all(decoded(read_file(path), str(path)))

    def _do_queries(self, name: str) -> None:
        from kymflow.core.queries.columns import describe_queries
        from kymflow.core.queries.library import named_query

        if name:
            click.echo(named_query(name).sql)
        else:
            self._show(describe_queries())

    def _do_run(self, words: str) -> None:
        try:
            name, *params = shlex.split(words)
        except ValueError as error:
            raise UsageError(f"write .run NAME PARAMETER=VALUE …: {error}") from error
        self._ask(Question(name, split_params(params), named=True))

    def _do_timer(self, state: str) -> None:
        if state not in ("on", "off"):
            raise UsageError("the timer is on or off")
        self.timer = state == "on"

    def _do_help(self, _: str) -> None:
        click.echo("A query ends with ; and may take several lines.")
        for name, text in COMMANDS.items():
            click.echo(f"{name:<22} {text}")

    def _do_quit(self, _: str) -> None:
        raise Leave


def _checked(mode: str) -> str:
    if mode == "line":  # as SQLite calls it
        return VERTICAL
    if mode in MODES:
        return mode
    raise UsageError(f"no format {mode!r} here; there are {', '.join(MODES)}")
