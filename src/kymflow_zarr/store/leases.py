"""Folders leased by a process while it lives; once it has died, anyone may remove them.

A lock beside the folder tells the two apart: it is taken before the folder is made, and the system
frees it when its holder dies.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.store import layout
from kymflow_zarr.store.files import writing

if TYPE_CHECKING:
    from kymflow_zarr.store.locks import Lock


@contextmanager
def lease(folder: Path) -> Iterator[None]:
    """Make a folder and hold its lease while the block runs.

    Args:
        folder: The folder; its name was never used before.

    Raises:
        WriteError: If the system refuses it.
    """
    try:
        with _lock_of(folder):
            with writing(folder):
                folder.mkdir()
            yield
    finally:
        _remove_lock_without(folder)


@contextmanager
def take_over(folder: Path) -> Iterator[bool]:
    """Take the lease of a folder whose owner died; yield whether that succeeded."""
    from kymflow_zarr.store.locks import Timeout

    lock = _lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield folder.is_dir()
    finally:
        lock.release()
        _remove_lock_without(folder)


def is_leased(folder: Path) -> bool:
    """Tell whether the process that owns a folder is alive."""
    return is_held(layout.lease(folder))


def is_held(lock: Path) -> bool:
    """Tell whether a process holds a lock; a missing lock file is not created."""
    from kymflow_zarr.store.locks import file_lock

    if not lock.exists():
        return False
    try:
        asked = file_lock(lock)
        asked.acquire(timeout=0)
        asked.release()
    except OSError:  # held, or it can't be tried: then nothing may be deleted either
        return True
    return False


def delete(folder: Path) -> None:
    """Delete a folder, which disappears for all others at once; the caller holds its lease."""
    deleted = layout.new_deleted(folder)
    os.replace(folder, deleted)
    shutil.rmtree(deleted, ignore_errors=True)


def _lock_of(folder: Path) -> Lock:
    from kymflow_zarr.store.locks import file_lock

    return file_lock(layout.lease(folder))


def _remove_lock_without(folder: Path) -> None:
    """Remove the lock of a folder that was deleted; the lock of one that exists must stay."""
    if not folder.exists():
        with suppress(OSError):  # Windows can't remove it while another process tries it
            layout.lease(folder).unlink()
