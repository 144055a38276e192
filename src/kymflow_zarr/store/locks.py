"""Locks between processes, and what is done where a file system has none."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from kymflow_zarr.errors import WriteError
from kymflow_zarr.reasons import reason

__all__ = ["Lock", "NoLock", "Timeout", "file_lock"]

_NONE_HERE = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}


class NoLock:
    """Stands for a lock where there are none: anybody gets it at once."""

    def acquire(self, timeout: float | None = None) -> NoLock:
        """Do nothing."""
        return self

    def release(self) -> None:
        """Do nothing."""

    def __enter__(self) -> NoLock:
        return self

    def __exit__(self, *_: object) -> None:
        return


class _NamedLock(FileLock):
    """A lock whose file is named when it can't be had."""

    def acquire(self, *args: Any, **kwargs: Any) -> Any:
        """Take the lock.

        Raises:
            Timeout: If another holds it for too long.
            WriteError: If the system refuses it.
        """
        try:
            return super().acquire(*args, **kwargs)
        except Timeout:
            raise
        except OSError as error:
            raise _refused(Path(self.lock_file), error) from error


Lock = BaseFileLock | NoLock


def file_lock(path: Path, *, shared: bool = False) -> Lock:
    """Return the lock of a path; its folder is made if need be.

    Args:
        path: The lock's file.
        shared: Whether all who ask for it in this process get the same one, which can be taken
            again while it is held.

    Raises:
        WriteError: If the system refuses it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not _has_locks(path.parent):
            return NoLock()
    except OSError as error:
        raise _refused(path, error) from error
    return _NamedLock(path, is_singleton=shared)


def _has_locks(folder: Path) -> bool:
    """Tell whether a file system has locks, by asking for one that stands in nobody's way."""
    if sys.platform == "win32":
        return True
    import fcntl

    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        if error.errno in _NONE_HERE:
            return False
        raise
    finally:
        os.close(descriptor)
    return True


def _refused(path: Path, error: OSError) -> WriteError:
    return WriteError(
        f"a lock can't be taken ({reason(error)}): see to disk space and permissions, "
        f"and do it again",
        artifact=str(path),
    )
