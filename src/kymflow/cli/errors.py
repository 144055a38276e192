"""The one place that writes to stderr and picks exit codes.

====  =========================================
0     all well; also when a pipe's reader leaves
1     something failed and is listed
2     bad usage
130   interrupted with Ctrl-C
====  =========================================
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from shutil import get_terminal_size
from textwrap import fill

import click

from kymflow_zarr.errors import DatasetError, UsageError
from kymflow_zarr.reasons import escaped

FAILED = 1
USAGE = 2
INTERRUPTED = 130
_INTERRUPTED_IN_DUCKDB = "Query interrupted"


def reported(app: click.Command, arguments: Sequence[str]) -> int:
    """Run a command line; report errors as one line each.

    Args:
        app: The command.
        arguments: Its arguments, without the program's name.

    Returns:
        The exit code.
    """
    warnings.showwarning = _show_warning
    debug = "--debug" in takewhile(lambda argument: argument.startswith("-"), arguments)
    try:
        code = app.main(list(arguments), prog_name="kymflow", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted; what was committed stands", kind="error")
        return INTERRUPTED
    except (click.ClickException, DatasetError, OSError) as error:
        if debug:
            raise
        return report(error)
    except RuntimeError as error:
        if str(error) != _INTERRUPTED_IN_DUCKDB:
            raise
        warn("interrupted; what was committed stands", kind="error")
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def report(error: Exception, *, where: bool = True) -> int:
    """Print an error and return the exit code that goes with it.

    Args:
        error: The error.
        where: Whether to name the dataset, image and file that it concerns.
    """
    if isinstance(error, click.ClickException):
        if isinstance(error, click.UsageError) and error.ctx:
            error.show()  # with the command's usage
        else:
            warn(error.format_message(), kind="error")
        return error.exit_code
    text = error.message if isinstance(error, DatasetError) and not where else str(error)
    _tell(text.rstrip(), "error")
    return USAGE if isinstance(error, UsageError) else FAILED


def remark(text: str) -> None:
    """Print a line that is neither data nor trouble on standard error."""
    click.secho(printable(text), dim=True, err=True)


@contextmanager
def pipe_may_close() -> Iterator[None]:
    """End well when the reader of standard output leaves early, as ``head`` does."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError as error:
        # What is still buffered has nowhere to go; without this Python complains at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise click.exceptions.Exit(0) from error


def warn(message: str, *, kind: str = "warning") -> None:
    """Print a message on one line of standard error, on a terminal wrapped between words."""
    _tell(escaped(message), kind)


def _tell(message: str, kind: str) -> None:
    """Print a message whose own line breaks stay, as those of an error's details do."""
    text = f"{kind}: {printable(message)}"
    if sys.stderr.isatty():
        width = get_terminal_size().columns
        text = "\n".join(_wrapped(line, width) for line in text.split("\n"))
    print(text, file=sys.stderr, flush=True)


def _wrapped(line: str, width: int) -> str:
    # A caret below a line of SQL must stay where it is.
    if len(line) <= width or line.startswith("LINE "):
        return line
    return fill(line, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def printable(text: str) -> str:
    """Return a text without what could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    warn(str(message))
