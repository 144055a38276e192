"""Messages of the system, DuckDB and Polars, shortened to one line that is safe to print."""

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
    """Return the first line of an error's text, or its name if it has no text, safe to print.

    DuckDB's preamble about a lake's transaction is dropped. A long line loses its middle: the
    system's own words come last.
    """
    text = _NO_REASON.sub("", str(error))
    line = next(iter(text.splitlines()), "") or type(error).__name__
    return escaped(line if len(line) <= _LINE else f"{line[:_HALF]} … {line[-_HALF:]}")


def reason(error: BaseException) -> str:
    """Return why something failed, on one line; of a system error only the system's own words."""
    said = getattr(error, "strerror", None) or first_line(error)
    return _WITH_PATH.sub(r"\1", said)


def refused(error: BaseException | str) -> bool:
    """Tell whether the system refused a read, so that the file itself may be intact."""
    text = first_line(error) if isinstance(error, BaseException) else error
    numbers = {int(number) for number in _NUMBER.findall(text)}
    return bool(numbers & _ACCESS_ERRNOS) or text.endswith(tuple(map(os.strerror, _ACCESS_ERRNOS)))


def escaped(text: str) -> str:
    """Escape line breaks and control characters, so that a text stays on one line."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]
