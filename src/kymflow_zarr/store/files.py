"""Files: atomic writes, and many small reads."""

from __future__ import annotations

import os
import re
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kymflow_zarr.errors import DatasetError, WriteError
from kymflow_zarr.reasons import escaped, reason

_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp", re.DOTALL)
_NAME_KEPT = 200  # bytes


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


def is_old(path: Path, seconds: float) -> bool:
    """Tell whether there is a file or folder that was last changed so long ago."""
    try:
        status = path.lstat()
    except OSError:
        return False
    return max(status.st_mtime, status.st_ctime) < time.time() - seconds


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


def leads_out(root: Path, place: Path) -> bool:
    """Tell whether a place under a root lies elsewhere once links are followed.

    Args:
        root: The folder, which may be reached by links itself.
        place: A file or folder in it, existing or not.
    """
    return not Path(os.path.realpath(place)).is_relative_to(os.path.realpath(root))


def remove(path: Path) -> None:
    """Delete a folder with all that is in it, or a file; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
