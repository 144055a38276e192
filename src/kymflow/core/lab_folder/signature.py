"""What tells whether a file of the lab is still the same: a look at it, or its bytes."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kymflow.core.lab_folder.reading import broken
from kymflow_zarr.store.files import open_plain

AT_REST_S = 3.0
"""A file changed later than this may change again within one tick of its clock, unseen: two
seconds are the coarsest tick there is (FAT), and one more for the way."""


class Signature(NamedTuple):
    """What a look at a file tells: size in bytes, times in ns since 1970.

    ``ctime_ns`` is when the file system last changed anything about the file, which no tool can
    set back; None where that is so short ago that a further change might leave it the same.
    """

    size: int
    mtime_ns: int
    ctime_ns: int | None


def look_at(path: Path) -> Signature:
    """Look at a file.

    Raises:
        SourceFileError: If that can't be done, or it is no plain file.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise broken(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise broken(path, "it is no plain file")
    # Windows has no such time: its st_ctime is when the file was made.
    changed = status.st_mtime if os.name == "nt" else status.st_ctime
    at_rest = changed < time.time() - AT_REST_S
    return Signature(status.st_size, status.st_mtime_ns, status.st_ctime_ns if at_rest else None)


def is_same(now: Signature, recorded: Mapping[str, Any]) -> bool:
    """Tell whether a file is surely the one recorded, without reading it.

    Args:
        now: What it looks like.
        recorded: ``size``, ``mtime_ns`` and ``ctime_ns`` as recorded; older records are without
            ``ctime_ns``, and their times are believed.
    """
    if now.size != recorded.get("size") or now.mtime_ns != recorded.get("mtime_ns"):
        return False
    if "ctime_ns" not in recorded:
        return True
    return now.ctime_ns is not None and now.ctime_ns == recorded["ctime_ns"]


def read_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal.

    Raises:
        SourceFileError: If it can't be read, or is no plain file.
    """
    try:
        with open_plain(path) as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise broken(path, error.strerror or str(error)) from error
