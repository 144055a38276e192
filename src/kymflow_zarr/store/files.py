"""Files: written atomically and durably, replaced whole, and deleted within the dataset only."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path

from kymflow_zarr.errors import DatasetError, WriteError
from kymflow_zarr.reasons import escaped, reason
from kymflow_zarr.store import layout

O_BINARY = getattr(os, "O_BINARY", 0)  # exists on Windows only, which needs it
O_NONBLOCK = getattr(os, "O_NONBLOCK", 0)  # a pipe among the files must not be waited for

NO_FILE = "it is not a regular file"


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a path to write to; when the block succeeds, it becomes the file, durably.

    The temporary file is in the same folder, is flushed to disk, and is renamed over the target.
    When the block raises, it is removed and the target is unchanged.

    Args:
        path: The file to make or replace; its folder is made if needed.

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
    """Yield a hidden path beside a file for its writer's use, and remove it at the end.

    Args:
        path: The file; its folder is made if needed.

    Raises:
        WriteError: If the system refuses something within the block.
    """
    temporary = layout.new_temporary(path)
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
    """Replace one folder by another; if that fails, the old one is restored.

    Args:
        fresh: The new folder, beside the old one.
        path: The old folder; it need not exist.
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
    """Name the file in any error of the system while it is written.

    Raises:
        WriteError: If the system refuses something within the block.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, DatasetError):
            raise
        raise WriteError(
            f"{escaped(path.name)} can't be written ({reason(error)}), and its old version is "
            f"unchanged: check that the disk has space and allows writing, and try again",
            artifact=str(path),
        ) from error


def sweep_temporaries(path: Path) -> None:
    """Remove the temporary files that killed writers of a file left beside it.

    Args:
        path: The file. All its writers share a lock, and the caller holds it.
    """
    if layout.is_cut_short(path.name) or not path.parent.is_dir():
        return  # a shortened name may belong to another file
    for entry in path.parent.glob(".*.tmp"):
        if layout.temporary_of(entry) == path:
            entry.unlink()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a whole file atomically and durably."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def is_old(path: Path, seconds: float) -> bool:
    """Tell whether a file or folder exists and was last changed at least so many seconds ago."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return max(status.st_mtime, status.st_ctime) < time.time() - seconds


def open_plain(path: str | os.PathLike[str]) -> BufferedReader:
    """Open a regular file for reading; a pipe would be waited for, and a device may never end.

    Raises:
        OSError: If it is not there, can't be opened, or is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | O_BINARY | O_NONBLOCK)
    try:
        check_plain(descriptor, os.fspath(path))
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def check_plain(descriptor: int, path: str | None = None) -> os.stat_result:
    """Return the status of an open file.

    Raises:
        OSError: If it is a folder, a pipe or a device.
    """
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, NO_FILE, path)
    return status


def check_plain_tree(folder: Path) -> None:
    """Refuse a folder that holds, at any depth, what is neither a file nor a folder.

    For libraries that open files by themselves, and would wait for a pipe.

    Raises:
        OSError: If it does.
    """
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            check_plain_tree(Path(entry.path))
        elif not entry.is_file() and os.path.lexists(entry.path):
            raise OSError(errno.EINVAL, NO_FILE, entry.path)


def flush(path: Path) -> None:
    """Flush a file or folder to the disk (fsync), so that it survives a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _flush_folder(folder: Path) -> None:
    # Windows can't open folders, and some network file systems can't flush them.
    with suppress(OSError):
        flush(folder)


def remove(path: Path) -> None:
    """Delete a folder with all that is in it, or a file; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
