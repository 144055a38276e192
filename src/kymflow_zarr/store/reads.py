"""Reads: many small files, one file whole, and files as they were at one moment."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from kymflow_zarr.errors import DatasetError, ReadError
from kymflow_zarr.reasons import escaped, reason

T = TypeVar("T")
_READ_TRIES = 50
_SMALL = 16 * 1024
_O_BINARY = getattr(os, "O_BINARY", 0)  # Windows alone knows it, and needs it
_O_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe among the files must not be waited for
MAX_BLOB = 64 << 20


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name a file or folder in what goes wrong while it is read.

    Raises:
        FileNotFoundError: If it is not there.
        ReadError: If the system refuses something within the block.
    """
    try:
        yield
    except (FileNotFoundError, DatasetError):
        raise
    except OSError as error:
        raise ReadError(
            f"{escaped(path.name)} can't be read ({reason(error)}): see to permissions and "
            f"the disk, and do it again",
            artifact=str(path),
        ) from error


def read_unchanged(paths: Sequence[Path], read: Callable[[], T]) -> T:
    """Read files that others may replace meanwhile, as they were at one moment.

    Parquet readers open a file once for its footer and again for its data. A file renamed over it
    in between gives the footer of one and the data of the other, so a read during which a file
    was replaced is done again.

    Args:
        paths: The files.
        read: Reads them.

    Returns:
        What ``read`` returned while no file was replaced.
    """
    for _ in range(_READ_TRIES):
        before = [stamp(path) for path in paths]
        try:
            result = read()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic of Polars is no Exception
            if [stamp(path) for path in paths] == before:
                raise
            continue
        if [stamp(path) for path in paths] == before:
            return result
    return read()


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        with reading(path):
            status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def read_many(paths: Iterable[str], limit: int = MAX_BLOB) -> Iterator[bytes | OSError | None]:
    """Read many small files, one after another.

    A plain loop is the fastest there is on a local disk: several times faster than a thread
    pool. The first read asks for more than a small file holds, which saves asking for its size.

    Args:
        paths: The files.
        limit: The most bytes a file may hold.

    Yields:
        Each file's bytes, None where there is no such file, the error where it can't be read, so
        that one bad file stops no other.
    """
    open_, read, close, flags = os.open, os.read, os.close, os.O_RDONLY | _O_BINARY | _O_NONBLOCK
    for path in paths:
        try:
            descriptor = open_(path, flags)
        except (FileNotFoundError, NotADirectoryError):
            yield None
            continue
        except OSError as error:
            yield error
            continue
        try:
            data = read(descriptor, _SMALL)
            if len(data) == _SMALL:
                data += _rest(descriptor, limit - _SMALL)
        except OSError as error:
            yield OSError(error.errno, error.strerror, path)
            continue
        finally:
            close(descriptor)
        yield data


def read_file(path: str | os.PathLike[str], limit: int = MAX_BLOB) -> bytes:
    """Return a file's bytes.

    Args:
        path: The file.
        limit: The most bytes it may hold.

    Raises:
        OSError: If it is not there, can't be read, is no plain file, or is larger.
    """
    [data] = read_many([os.fspath(path)], limit)
    if data is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    if isinstance(data, OSError):
        raise data
    return data


def is_plain(path: str) -> bool | None:
    """Tell whether a path is a plain file; None where there is nothing.

    What can't be looked at is there, and fails when it is read.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return False


def _rest(descriptor: int, limit: int) -> bytes:
    """Return what is left of an open file; each read is sized by the file."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is no plain file")
    chunks: list[bytes] = []
    while limit >= 0 and (
        chunk := os.read(descriptor, min(max(_SMALL, status.st_size), limit + 1))
    ):
        chunks.append(chunk)
        limit -= len(chunk)
    if limit < 0:
        raise OSError(errno.EFBIG, "it is larger than is read into memory")
    return b"".join(chunks)
