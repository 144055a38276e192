"""Files held open for as long as a session reads them, so that it never sees a replacement.

DuckDB opens a Parquet file once for its footer and again for its data, in every thread. A file
renamed over it in between would give the footer of one and the data of the other. A file held open
stays what it was, and DuckDB can read it in two ways:

- as one of a :class:`~kymflow_zarr.tables.filesystem.ReadOnlyFilesystem`, on any system, for
  reading only;
- on Linux, through ``/proc/self/fd``, which opens the very same file again. That costs nothing,
  whereas reading through Python takes DuckDB 1.5 half as long again. But a path that can be opened
  again can be opened for writing: only for queries that can do nothing but read.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import uuid
import weakref
from contextlib import ExitStack
from pathlib import Path

from kymflow_zarr.store.files import open_plain

_DESCRIPTORS = Path("/proc/self/fd")


def has_descriptors() -> bool:
    """Tell whether open files can be opened again by their descriptors."""
    return hasattr(os, "memfd_create") and _DESCRIPTORS.is_dir()


class OpenFile:
    """One file held open for reading; threads may share it.

    Args:
        path: The file, free of links.
        closing: Closes what this opens.

    Attributes:
        path: As given.
        size: Of the file, bytes.
        modified: When it was last changed, seconds since 1970.
        identity: Differs between any two states of the file.
    """

    def __init__(self, path: Path, closing: ExitStack) -> None:
        self.path = path
        self._closing = closing
        self._file = closing.enter_context(open_plain(path))
        status = os.fstat(self._file.fileno())
        self.size = status.st_size
        self.modified = status.st_mtime
        self.identity = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        self._descriptor = -1
        self._one_at_a_time = threading.Lock()

    def read(self, start: int, count: int) -> bytes:
        """Return ``count`` bytes from ``start``; fewer at the end of the file."""
        with self._one_at_a_time:
            self._file.seek(start)
            return self._file.read(count)

    def reserve_descriptor(self) -> list[str]:
        """Return the path that reads the file once :meth:`fill_descriptor` ran, and where it leads.

        DuckDB judges a path by where its links lead, so all of these are to be allowed. The
        descriptor leads to the file's name for as long as the file has it; after that, DuckDB 1.x
        judges the descriptor itself, and 2.x what Linux calls a file without a name
        (proc_pid_fd(5)).
        """
        self._descriptor = os.memfd_create("reserved")
        self._closing.callback(os.close, self._descriptor)
        return [
            str(_DESCRIPTORS / str(self._descriptor)),
            str(self.path),
            f"{self.path} (deleted)",
        ]

    def fill_descriptor(self) -> None:
        """Make the reserved descriptor a duplicate of the file's."""
        os.dup2(self._file.fileno(), self._descriptor, inheritable=False)


class OpenFiles:
    """The files of one session, and a private folder for what its queries spill to disk.

    Both are gone when :attr:`close` is called, this object is dropped, or the process ends.

    Attributes:
        files: The files, in the order they were added.
        scratch: The folder; nobody else may read it.
        close: Closes the files and removes the folder.
    """

    def __init__(self) -> None:
        self.files: list[OpenFile] = []
        self.scratch = Path(tempfile.gettempdir(), f"kymflow-sql-{uuid.uuid4().hex}")
        self._closing = ExitStack()
        self._closing.callback(shutil.rmtree, self.scratch, ignore_errors=True)
        self.close = weakref.finalize(self, self._closing.close)
        self.scratch.mkdir(mode=0o700)  # last: an interruption right after it leaves no folder

    def add(self, path: Path) -> OpenFile:
        """Open a file and hold it.

        Raises:
            OSError: If it can't be opened.
        """
        open_file = OpenFile(path, self._closing)
        self.files.append(open_file)
        return open_file
