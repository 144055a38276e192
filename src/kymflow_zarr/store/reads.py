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
from kymflow_zarr.store.files import O_BINARY, O_NONBLOCK, check_plain

T = TypeVar("T")
_READ_TRIES = 50
_SMALL = 16 * 1024
MAX_BLOB = 64 << 20


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Name the file or folder in any error of the system while it is read.

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
            f"{escaped(path.name)} can't be read ({reason(error)}): check permissions and "
            f"the disk, and try again",
            artifact=str(path),
        ) from error


def read_unchanged(paths: Sequence[Path], read: Callable[[], T]) -> T:
    """Read files as they were at one moment, though others may replace them meanwhile.

    Parquet readers open a file once for its footer and again for its data. A file renamed over it
    in between gives the footer of one and the data of the other, so a read during which a file
    was replaced is repeated.

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
        except BaseException:  # a panic of Polars is not an Exception
            if [stamp(path) for path in paths] == before:
                raise
            continue
        if [stamp(path) for path in paths] == before:
            return result
    return read()


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Return (inode, modification time in ns, size): it differs after every replacement.

    None if there is no file.
    """
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
        Each file's bytes, None if there is no such file, the error if it can't be read, so that
        one bad file does not stop the others.
    """
    open_, read, close, flags = os.open, os.read, os.close, os.O_RDONLY | O_BINARY | O_NONBLOCK
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
            elif not data:  # so is a pipe that nobody writes to
                check_plain(descriptor, path)
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
        OSError: If it is not there, can't be read, is not a regular file, or is larger.
    """
    [data] = read_many([os.fspath(path)], limit)
    if data is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    if isinstance(data, OSError):
        raise data
    return data


def is_plain(path: str) -> bool | None:
    """Tell whether a path is a regular file; None if there is nothing.

    False also if that can't be found out: reading the path will say why.
    """
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return False


def _rest(descriptor: int, limit: int) -> bytes:
    """Read an open file to its end; each read is sized by the file.

    Reads of 1 MiB would leave as many memory mappings as there are files: at 100,000 files no
    thread can be started any more.
    """
    status = check_plain(descriptor)
    chunks: list[bytes] = []
    while limit >= 0 and (
        chunk := os.read(descriptor, min(max(_SMALL, status.st_size), limit + 1))
    ):
        chunks.append(chunk)
        limit -= len(chunk)
    if limit < 0:
        raise OSError(errno.EFBIG, "it is too large to be read into memory")
    return b"".join(chunks)
