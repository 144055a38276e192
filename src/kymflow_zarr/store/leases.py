"""Folders that belong to a process while it lives, and are anyone's to clear up when it died.

A lock beside the folder, taken before there is a folder and freed by the system when its holder
dies, tells the two apart.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.store.files import writing

if TYPE_CHECKING:
    from kymflow_zarr.store.locks import Lock

LOCK = ".lock"
GONE = ".gone"


@contextmanager
def lease(folder: Path) -> Iterator[None]:
    """Make a folder and own it while the block runs; what is left of it then is anyone's.

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
    """Own a folder whose owner died while the block runs; yield whether that could be had."""
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
    """Tell whether the process that owns a folder lives."""
    return is_held(_lock_path(folder))


def is_held(lock: Path) -> bool:
    """Tell whether a process holds a lock; one that is not there is not made."""
    from kymflow_zarr.store.locks import file_lock

    if not lock.exists():
        return False
    try:
        asked = file_lock(lock)
        asked.acquire(timeout=0)
        asked.release()
    except OSError:  # where it may not even be asked for, take it for held
        return True
    return False


def delete(folder: Path) -> None:
    """Remove a folder, for all others at one moment; the caller owns it."""
    gone = folder.with_name(f".{folder.name}{GONE}")
    os.replace(folder, gone)
    shutil.rmtree(gone, ignore_errors=True)


def _lock_of(folder: Path) -> Lock:
    from kymflow_zarr.store.locks import file_lock

    return file_lock(_lock_path(folder))


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}{LOCK}")


def _remove_lock_without(folder: Path) -> None:
    """Remove the lock of a folder that is gone; of one that is left it must stay."""
    if not folder.exists():
        with suppress(OSError):  # Windows can't remove it while another looks whether it is held
            _lock_path(folder).unlink()
