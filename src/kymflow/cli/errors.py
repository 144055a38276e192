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

import click

FAILED = 1
USAGE = 2
INTERRUPTED = 130


def reported(app: click.Command, arguments: Sequence[str]) -> int:
    """Run a command line; report errors as one line each.

    Args:
        app: The command.
        arguments: Its arguments, without the program's name.

    Returns:
        The exit code.
    """
    from kymflow_zarr.errors import DatasetError, UsageError

    warnings.showwarning = _show_warning
    debug = "--debug" in takewhile(lambda argument: argument.startswith("-"), arguments)
    try:
        code = app.main(list(arguments), prog_name="kymflow", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        warn("interrupted; what was committed stands", kind="error")
        return INTERRUPTED
    except (DatasetError, OSError) as error:
        if debug:
            raise
        warn(" ".join(str(error).split("\n\n")), kind="error")
        return USAGE if isinstance(error, UsageError) else FAILED
    return code if isinstance(code, int) else 0


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
    """Print one line on standard error."""
    print(f"{kind}: {printable(message)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return a text without what could steer a terminal."""
    return "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    warn(str(message))
