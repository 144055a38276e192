"""Files: atomic writes, and many small reads."""

from __future__ import annotations

import errno
import os
import re
import shutil
import stat
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from kymflow_zarr.errors import DatasetError, ReadError, WriteError, escaped, reason

T = TypeVar("T")
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp", re.DOTALL)
_NAME_KEPT = 200  # bytes
_READ_TRIES = 50
_SMALL = 16 * 1024
_O_BINARY = getattr(os, "O_BINARY", 0)  # Windows alone knows it, and needs it
_O_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe among the files must not be waited for

MAX_BLOB = 64 << 20


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path to write to; when the block ends well, it becomes the file, durably.

    The temporary file lies in the same folder, is flushed to disk, and is renamed over the
    target. When the block raises, it is removed and the target stands as it was.

    Args:
        path: The file to make or replace; its folder is made if need be.

    Raises:
        WriteError: If the system refuses it, as on a full disk.
    """
    with temporary_path(path) as temporary:
        yield temporary
        flush(temporary)
        os.replace(temporary, path)
        _flush_folder(path.parent)


@contextmanager
def temporary_path(path: Path) -> Iterator[Path]:
    """Yield a hidden path beside a file, for what its writer needs meanwhile; it is removed.

    Args:
        path: The file; its folder is made if need be.

    Raises:
        WriteError: If the system refuses something within the block.
    """
    temporary = path.with_name(f".{_kept(path.name)}.{uuid.uuid4().hex}.tmp")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
        finally:
            if temporary.is_dir():
                shutil.rmtree(temporary, ignore_errors=True)
            else:
                temporary.unlink(missing_ok=True)


def replace_folder(fresh: Path, path: Path) -> None:
    """Put a folder in the place of another, which is put back where that fails.

    Args:
        fresh: The folder, beside its place.
        path: The place; there need not be one yet.
    """
    with temporary_path(path) as old:
        if path.exists():
            os.replace(path, old)
        try:
            os.replace(fresh, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Name a file in what goes wrong while it is written.

    Raises:
        WriteError: If the system refuses something within the block.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, DatasetError):
            raise
        raise WriteError(
            f"{escaped(path.name)} can't be written ({reason(error)}), and what was there "
            f"stands: see to disk space and permissions, and do it again",
            artifact=str(path),
        ) from error


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


def temporary_of(path: Path) -> Path | None:
    """Return the file that a temporary file is to become, None if it is no temporary file.

    A long name comes back cut short.
    """
    named = _TEMPORARY.fullmatch(path.name)
    return path.with_name(named[1]) if named else None


def sweep_temporaries(path: Path) -> None:
    """Remove what writers of a file that were killed left beside it.

    Args:
        path: The file. All its writers share a lock, and the caller holds it.
    """
    if _kept(path.name) != path.name or not path.parent.is_dir():
        return  # a name cut short may be another file's
    for entry in path.parent.glob(".*.tmp"):
        if temporary_of(entry) == path:
            entry.unlink()


def _kept(name: str) -> str:
    """Return so much of a name that a longer one made of it is none too long for the system."""
    return os.fsencode(name)[:_NAME_KEPT].decode(errors="ignore")


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file atomically and durably."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


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
        before = [identity(path) for path in paths]
        try:
            result = read()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic of Polars is no Exception
            if [identity(path) for path in paths] == before:
                raise
            continue
        if [identity(path) for path in paths] == before:
            return result
    return read()


def identity(path: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file is replaced; None where there is none."""
    try:
        with reading(path):
            status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def is_old(path: Path, seconds: float) -> bool:
    """Tell whether there is a file or folder that was last changed so long ago."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return max(status.st_mtime, status.st_ctime) < time.time() - seconds


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


def flush(path: Path) -> None:
    """Have what a file or folder holds on the disk, whatever becomes of the machine."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    # Windows can't open folders, and some network file systems can't flush them.
    with suppress(OSError):
        flush(folder)
