"""File systems that DuckDB can read and nobody can write: files held open, or one folder."""

from __future__ import annotations

from datetime import UTC, datetime
from io import SEEK_CUR, SEEK_END, SEEK_SET, RawIOBase
from pathlib import Path
from typing import IO, Any, ClassVar

from fsspec import AbstractFileSystem

from kymflow_zarr.tables.open_files import OpenFile, OpenFiles

_PROTOCOL = "open"
_FOLDER = "folder"


def open_file_path(number: int) -> str:
    """Return the path of a session's n-th file."""
    return f"{_PROTOCOL}://{number}"


def folder_path() -> str:
    """Return what the paths of a session's one folder begin with."""
    return f"{_FOLDER}://data/"


class ReadOnlyFilesystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not typed
    """The files of one session under the names ``open://0``, ``open://1``, ….

    DuckDB keeps a registered file system for as long as the database lives, cursors and relations
    included, and so the files too.

    Args:
        open_files: The files.
    """

    protocol: ClassVar[str] = _PROTOCOL
    cachable: ClassVar[bool] = False

    def __init__(self, open_files: OpenFiles) -> None:
        super().__init__()
        self._files_held = open_files

    def open(self, path: str, mode: str = "rb", **_: Any) -> RawIOBase:
        """Return a reader of a file.

        Raises:
            PermissionError: If it is to be written to.
            FileNotFoundError: If there is no such file.
        """
        if mode != "rb":
            raise PermissionError("the tables of this session are for reading only")
        return _Reader(self._open(path))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return a file's name, size in bytes and type."""
        return {"name": path, "size": self._open(path).size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """Return when a file was last changed."""
        return datetime.fromtimestamp(self._open(path).modified, UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the file of that very name, if there is one: names are never patterns here."""
        return [path] if self.isfile(path) else []

    def _open(self, path: str) -> OpenFile:
        number = path.removeprefix(f"{_PROTOCOL}://")
        if not number.isdecimal() or int(number) >= len(self._files_held.files):
            raise FileNotFoundError(path)
        return self._files_held.files[int(number)]


class FolderFilesystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec is not typed
    """The files of one folder under names that begin with :func:`folder_path`, to read only.

    Args:
        folder: The folder.
    """

    protocol: ClassVar[str] = _FOLDER
    cachable: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def open(self, path: str, mode: str = "rb", **_: Any) -> IO[bytes]:
        """Return a reader of a file.

        Raises:
            PermissionError: If it is to be written to.
            FileNotFoundError: If there is no such file.
        """
        if mode != "rb":
            raise PermissionError("the tables of this session are for reading only")
        return self._path(path).open("rb")

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return a file's name, size in bytes and type."""
        return {"name": path, "size": self._path(path).stat().st_size, "type": "file"}

    def modified(self, path: str) -> datetime:
        """Return when a file was last changed."""
        return datetime.fromtimestamp(self._path(path).stat().st_mtime, UTC)

    def glob(self, path: str, **_: Any) -> list[str]:
        """Return the file of that very name, if there is one: names are never patterns here."""
        return [path] if self.isfile(path) else []

    def _path(self, path: str) -> Path:
        parts = path.removeprefix(folder_path()).split("/")
        if not path.startswith(folder_path()) or ".." in parts:
            raise FileNotFoundError(path)
        return self._folder.joinpath(*parts)


class _Reader(RawIOBase):
    """One reader's place in a file that others read as well."""

    def __init__(self, open_file: OpenFile) -> None:
        self._pin = open_file
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self._place, SEEK_END: self._pin.size}[whence]
        self._place = base + offset
        return self._place

    def tell(self) -> int:
        return self._place

    def read(self, size: int = -1) -> bytes:
        count = self._pin.size - self._place if size < 0 else size
        data = self._pin.read(self._place, count)
        self._place += len(data)
        return data
