"""The conversation at the prompt: history, several lines, completion, Ctrl-C and Ctrl-D."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click
import duckdb
from prompt_toolkit import PromptSession
from prompt_toolkit.filters import completion_is_selected
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from pygments.lexers.sql import SqlLexer

from kymflow import __version__
from kymflow.cli.errors import warn
from kymflow.cli.output import TABLE
from kymflow.cli.shell.completion import KnownWords, SqlCompleter, Words
from kymflow.cli.shell.shell import Leave, Shell
from kymflow.cli.shell.statements import is_finished
from kymflow_zarr.store.files import open_plain

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import KymDataset

PROMPT, CONTINUED = "sql> ", "...> "


def converse(kym: KymDataset, mode: str = TABLE) -> None:
    """Ask and answer until the user leaves.

    Args:
        kym: The dataset's tables.
        mode: The format to begin with.
    """
    shell = Shell(kym, mode)
    known = KnownWords(kym)
    session = prompt_session(known, _history())
    click.echo(
        f"kymflow {__version__}, DuckDB {duckdb.__version__}: {kym.dataset.path.name}, read-only. "
        f"A query ends with ;\nTab completes, .help lists what else there is, Ctrl-D leaves."
    )
    while True:
        try:
            shell.take(session.prompt())
        except KeyboardInterrupt:  # it clears the line
            continue
        except (EOFError, Leave):
            return
        known.forget()


def prompt_session(words: Callable[[], Words], history: History) -> PromptSession[str]:
    """Return the prompt.

    Args:
        words: Returns what there is to complete.
        history: Keeps what was typed.
    """
    return PromptSession(
        PROMPT,
        completer=SqlCompleter(words),
        complete_in_thread=True,
        history=history,
        key_bindings=_bindings(),
        lexer=PygmentsLexer(SqlLexer),
        multiline=True,
        prompt_continuation=CONTINUED,
        enable_history_search=False,
    )


def history_path() -> Path:
    """Return the file that keeps what was typed: in ``$XDG_STATE_HOME``, else where such go."""
    if os.name == "nt":
        return Path(click.get_app_dir("kymflow", roaming=False)) / "sql_history"
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "kymflow" / "sql_history"


def _history() -> History:
    path = history_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        open_plain(path).close()
        path.open("ab").close()
    except OSError as error:
        warn(f"what you type is not kept: {error}")
        return InMemoryHistory()
    return FileHistory(path)


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter", filter=completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.complete_state = None

    @bindings.add("enter", filter=~completion_is_selected)
    def _(event: KeyPressEvent) -> None:
        if is_finished(event.current_buffer.text):
            event.current_buffer.validate_and_handle()
        else:
            event.current_buffer.newline()

    return bindings
