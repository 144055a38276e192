"""What errors of others say: the system's, DuckDB's and Polars' own words, on one line."""

from __future__ import annotations

import errno
import os
import re

_LINE = 300
_HALF = _LINE // 2
_ACCESS_ERRNOS = {
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.ENXIO, errno.ENODEV, errno.ETIMEDOUT),
    *(errno.ESTALE, errno.EMFILE, errno.ENFILE),
}
_WITH_PATH = re.compile(r"(\(os error \d+\)).*")
_NO_REASON = re.compile(r".*(?:DuckLake transaction|CHECKPOINT during DETACH failed)\. *\n(?=.)")
# As Python and Rust write it; DuckDB puts the system's own text at the end.
_NUMBER = re.compile(r"(?:\[Errno |\(os error )(\d+)[\])]")


def first_line(error: BaseException) -> str:
    """Return the first line of an error's text, or its name where it has none, fit to print.

    What DuckDB says of a lake's transaction before it says what happened is left out. A long line
    loses its middle: the system's own words stand at the end.
    """
    text = _NO_REASON.sub("", str(error))
    line = next(iter(text.splitlines()), "") or type(error).__name__
    return escaped(line if len(line) <= _LINE else f"{line[:_HALF]} … {line[-_HALF:]}")


def reason(error: BaseException) -> str:
    """Return why something failed, on one line: the system's own words where it was the system."""
    said = getattr(error, "strerror", None) or first_line(error)
    return _WITH_PATH.sub(r"\1", said)


def refused(error: BaseException | str) -> bool:
    """Tell whether an error, or its text, is the system's refusal to read what may be whole."""
    text = first_line(error) if isinstance(error, BaseException) else error
    numbers = {int(number) for number in _NUMBER.findall(text)}
    return bool(numbers & _ACCESS_ERRNOS) or text.endswith(tuple(map(os.strerror, _ACCESS_ERRNOS)))


def escaped(text: str) -> str:
    """Return a text on one line: what could break it, or steer a terminal, is written out."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
