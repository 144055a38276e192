"""The standard streams: opened where they are closed, and fit to print any text."""

from __future__ import annotations

import io
import os
import sys

_closed: set[int] = set()


def prepare() -> None:
    """Open closed standard streams onto nothing, and have none fail on a character.

    A file that is opened later could else take the number of a closed stream, and be printed to.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            _closed.add(number)
            # The lowest number that is free is this one: those below it are open by now.
            os.open(os.devnull, os.O_RDWR)
            mode = "r" if number == 0 else "w"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))
        stream = getattr(sys, name)
        if number and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def is_output_closed() -> bool:
    """Tell whether the program was started with its standard output closed."""
    return 1 in _closed
