"""What a file was when it was read: a hash of its bytes, and a signature that spares reading it.

The hash is the truth. A signature says that the bytes are still those of a hash, and is believed
only where the file could not have changed again within the same tick of the clock: it is taken
before the read, and kept only if the file had been at rest for :data:`REST_NS` by the clock of the
file system itself, as Git, Mercurial and Borg do.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from kymflow_zarr.store.files import open_plain, temporary_path

REST_NS = 3_000_000_000
"""How long a file must have been at rest, ns: FAT keeps times to 2 s, NFS may lag by one more."""


class Signature(NamedTuple):
    """What the system says of a file; it differs after any write, replacement, or copy.

    Attributes:
        mtime_ns: When it was last written to.
        size: Its size, bytes.
        inode: Its number on the file system.
        ctime_ns: When it or its attributes last changed; no program can set this.
    """

    mtime_ns: int
    size: int
    inode: int
    ctime_ns: int

    def is_at_rest(self, now_ns: int) -> bool:
        """Tell whether the file was last changed long enough before a moment."""
        return max(self.mtime_ns, self.ctime_ns) <= now_ns - REST_NS


def signature(path: str | os.PathLike[str]) -> Signature:
    """Take the signature of a file or folder, links followed.

    Raises:
        OSError: If it is not there, or can't be looked at.
    """
    status = os.stat(path)
    return Signature(status.st_mtime_ns, status.st_size, status.st_ino, status.st_ctime_ns)


def content_hash(data: bytes) -> bytes:
    """Hash the bytes of a file (BLAKE2b, 16 bytes): no two contents that ever meet share one."""
    return hashlib.blake2b(data, digest_size=16).digest()


def hash_file(path: str | os.PathLike[str]) -> bytes:
    """Hash a file's bytes as :func:`content_hash` does, in pieces.

    Raises:
        OSError: If it is not there, can't be read, or is not a plain file.
    """
    with open_plain(path) as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


def clock_ns(folder: Path) -> int:
    """Read the clock of a file system, by the time that it gives to a new file, ns.

    Args:
        folder: A folder that may be written in.

    Raises:
        WriteError: If the system refuses it.
    """
    with temporary_path(folder / "clock") as probe:
        probe.touch()
        return probe.stat().st_mtime_ns
