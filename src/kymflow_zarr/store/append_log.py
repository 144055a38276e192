"""An append-only log: one JSON object per line, on disk before the call returns.

A line is whole or it does not count. A process killed while it writes leaves a torn last line;
the next writer moves it to a file beside the log, so that what follows is not glued to it.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kymflow_zarr.errors import UsageError
from kymflow_zarr.reasons import escaped
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.files import O_NONBLOCK, check_plain, flush, open_plain, writing
from kymflow_zarr.store.locks import file_lock
from kymflow_zarr.store.reads import reading

log = logging.getLogger(__name__)
_O_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)  # what is appended to is a file, never a link to one


@dataclass(frozen=True, slots=True)
class LogPart:
    """What a log holds from a place on.

    Attributes:
        entries: The entries with the numbers of their lines (from 1), first to last.
        damaged: The numbers of the lines that hold no entry.
        end: Where the last whole line ends, bytes: a place to read on from.
        n_lines: How many whole lines there are up to it.
        torn: Whether half a line follows, which is being written or was left by a killed process.
    """

    entries: tuple[tuple[int, dict[str, Any]], ...] = ()
    damaged: tuple[int, ...] = ()
    end: int = 0
    n_lines: int = 0
    torn: bool = False


class AppendLog:
    """One log file, which many processes may append to.

    Args:
        path: The file; it need not exist yet.
        lock: The file that its writers lock.
    """

    def __init__(self, path: Path, lock: Path) -> None:
        self.path = path
        self._lock = lock

    @property
    def torn(self) -> Path:
        """Where torn ends are kept."""
        return self.path.with_suffix(".torn")

    def append(self, entry: Mapping[str, Any]) -> None:
        """Append one entry, whole or not at all; it is on disk when this returns.

        Raises:
            UsageError: If the entry has no JSON form.
            WriteError: If the system refuses it, as on a full disk; the log is as it was.
        """
        try:
            line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"a log entry has no JSON form: {error}") from error
        with file_lock(self._lock), writing(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            is_new = not self.path.exists()
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | _O_NOFOLLOW, 0o666)
            try:
                check_plain(descriptor, os.fspath(self.path))
                end = self._without_torn_end(descriptor)
                _write_whole(descriptor, line, end)
            finally:
                os.close(descriptor)
            if is_new:
                flush(self.path.parent)

    def read(self, after: LogPart | None = None) -> LogPart:
        """Read the entries; a line that is damaged is passed over, and its number told.

        Args:
            after: What was read before: only what was appended since is read. By default all.

        Raises:
            ReadError: If the system refuses to read the file.
        """
        begin = after or LogPart()
        try:
            with reading(self.path), open_plain(self.path) as file:
                file.seek(begin.end)
                data = file.read()
        except FileNotFoundError:
            return LogPart()
        entries: list[tuple[int, dict[str, Any]]] = []
        damaged: list[int] = []
        *lines, rest = data.split(b"\n")
        for number, line in enumerate(lines, start=begin.n_lines + 1):
            try:
                entries.append((number, decode_object(line)))
            except ValueError:
                damaged.append(number)
        return LogPart(
            tuple(entries),
            tuple(damaged),
            begin.end + len(data) - len(rest),
            begin.n_lines + len(lines),
            bool(rest),
        )

    def _without_torn_end(self, descriptor: int) -> int:
        """Cut off a last line without its end, after saving it; give the place to write at."""
        size = os.fstat(descriptor).st_size
        if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
            return size
        begin = size
        while begin > 0:
            step = min(4096, begin)
            found = os.pread(descriptor, step, begin - step).rfind(b"\n")
            if found >= 0:
                begin = begin - step + found + 1
                break
            begin -= step
        with open(self.torn, "ab", opener=_open) as kept:
            check_plain(kept.fileno(), os.fspath(self.torn))
            kept.write(os.pread(descriptor, size - begin, begin) + b"\n")
            kept.flush()
            os.fsync(kept.fileno())
        os.ftruncate(descriptor, begin)
        log.warning(
            "%s ended with half an entry, as a killed process leaves it; it was moved to %s",
            escaped(str(self.path)),
            escaped(self.torn.name),
        )
        return begin


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | O_NONBLOCK | _O_NOFOLLOW, 0o666)


def _write_whole(descriptor: int, line: bytes, end: int) -> None:
    """Write a line at the end and flush it; on failure cut the file back to what it was."""
    try:
        done = 0
        while done < len(line):
            done += os.pwrite(descriptor, line[done:], end + done)
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, end)
        raise
