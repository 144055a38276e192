"""Files: written atomically and durably, replaced whole, and deleted within the dataset only."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kymflow_zarr.errors import DatasetError, WriteError
from kymflow_zarr.reasons import escaped, reason
from kymflow_zarr.store import layout


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
