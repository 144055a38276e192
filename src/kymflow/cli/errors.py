"""The one place that writes to stderr and picks exit codes.

====  =========================================
0     all well; also when a pipe's reader leaves
1     something failed and is listed
2     bad usage
130   interrupted with Ctrl-C
====  =========================================
"""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING

import click

from kymflow_zarr.errors import DatasetError, UsageError
from kymflow_zarr.reasons import escaped

if TYPE_CHECKING:
    from kymflow.core.workers.progress import Failure
    from kymflow_zarr import ZarrDataset

FAILED = 1
USAGE = 2
INTERRUPTED = 130
_INTERRUPTED_IN_DUCKDB = "Query interrupted"
REMEDIES = {
    "copied-dataset": "`kymflow tables adopt` gives a copy a catalog of its own; `--moved` says "
    "that there is no other",
    "host-not-trusted": "allow it with `kymflow trust HOST`",
    "no-scale": "give it for all such files with `kymflow import --seconds-per-line S "
    "--um-per-pixel UM`, or for this image with `kymflow metadata set DATASET IMAGE_ID "
    "seconds_per_line=S um_per_pixel=UM`",
    "no-history": "have one kept from now on with `kymflow tables convert --to ducklake`",
    "no-journal": "have one kept from now on with `kymflow index DATASET --journal`",
    "version-not-found": "`kymflow history` lists the versions there are",
}
"""Commands that help, by the code of the error: storage does not know of commands."""


def reported(app: click.Command, arguments: Sequence[str]) -> int:
    """Run a command line; report errors as one line each.

    Args:
        app: The command.
        arguments: Its arguments, without the program's name.

    Returns:
        The exit code.
    """
    warnings.showwarning = _show_warning
    shown = _Logged(logging.WARNING)  # libraries may have their own loggers say more, as Dask does
    logging.basicConfig(level=logging.WARNING, handlers=[shown])
    bad = [a for a in arguments if not _is_unicode(a)]
    if bad:
        warn(f"the argument {bad[0]!a} is not UTF-8: rename the file, or spell it", kind="error")
        return USAGE
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


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes that are none stand as half characters
        return False
    return True


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
    first, *details = text.rstrip().split("\n", 1)
    if isinstance(error, DatasetError) and error.code in REMEDIES:
        first = f"{first}; {REMEDIES[error.code]}"
    _tell("\n".join([first, *details]), "error")
    return USAGE if isinstance(error, UsageError) else FAILED


def warn_of_failures(failures: Sequence[Failure], dataset: ZarrDataset | None = None) -> int:
    """List images that failed, each with the command that helps; return how many there are.

    Args:
        failures: The failures.
        dataset: Where the images are, so that their files can be named beside their ids; None
            where failures stand under the paths of files.
    """
    for failure in failures:
        remedy = f"; {REMEDIES[failure.code]}" if failure.code in REMEDIES else ""
        named = named_images(dataset, [failure.image_id])
        warn(f"{named}: {failure.message}{remedy}", kind="failed")
    return len(failures)


def named_images(dataset: ZarrDataset | None, image_ids: Sequence[str]) -> str:
    """Name some images, each with its file if it has one."""
    if dataset is None:
        return ", ".join(image_ids)
    from kymflow.core.artifacts.image_names import with_path

    return ", ".join(with_path(dataset, image_id) for image_id in image_ids)


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


def printable(text: str, kept: str = "\n") -> str:
    """Return a text without what could steer a terminal.

    Args:
        text: The text.
        kept: Characters that may stay all the same.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else "\N{REPLACEMENT CHARACTER}" for c in text)


class _Logged(logging.Handler):
    """Prints what is logged as any other warning, so that no name in it steers the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        warn(record.getMessage(), kind=record.levelname.lower())


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    warn(str(message))
