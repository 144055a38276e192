"""The Parquet files of a session, held open and read as they were."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.duck import literal
from kymflow_zarr.errors import QueryError
from kymflow_zarr.tables.open_files import OpenFile, OpenFiles
from kymflow_zarr.tables.types import TableKey

if TYPE_CHECKING:
    import duckdb


class ParquetSources:
    """Files of a dataset as the sources of a session.

    Args:
        con: The session's connection.
        open_files: Holds the files open.
        files: The file of each table.
        dataset: The dataset's folder; no file may lie outside it.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        open_files: OpenFiles,
        files: Mapping[TableKey, Path],
        dataset: Path,
    ) -> None:
        self._con = con
        self._files_held = open_files
        self._files = files
        self._dataset = dataset
        self._opened: dict[TableKey, tuple[str, OpenFile]] = {}
        self._descriptors = False

    def open(self, *, descriptors: bool) -> list[str]:
        """Open the files; see :class:`~kymflow_zarr.tables.types.Sources`."""
        self._descriptors = descriptors
        open_files = {table: self._open(table) for table in self._files}
        if descriptors:
            names = {
                table: open_file.reserve_descriptor() for table, open_file in open_files.items()
            }
        else:
            from kymflow_zarr.tables.filesystem import ReadOnlyFilesystem, open_file_path

            self._con.register_filesystem(ReadOnlyFilesystem(self._files_held))
            names = {table: [open_file_path(n)] for n, table in enumerate(open_files)}
        self._opened = {
            table: (names[table][0], open_file) for table, open_file in open_files.items()
        }
        paths = [literal(each) for table in open_files for each in names[table]]
        return [f"allowed_paths = [{', '.join(paths)}]"]

    def after_lock_down(self) -> None:
        """Let the descriptors stand for the files."""
        if self._descriptors:
            for _, open_file in self._opened.values():
                open_file.fill_descriptor()

    def sql(self, table: TableKey) -> str:
        """Return what reads a file."""
        return f"read_parquet({literal(self._opened[table][0])})"

    def identity(self, table: TableKey) -> Hashable:
        """Return what tells this state of a file from any other."""
        return self._opened[table][1].identity

    def restore_names(self, message: str) -> str:
        """Put the files' own names into a message."""
        for source, open_file in self._opened.values():
            message = message.replace(source, str(open_file.path))
        return message

    def _open(self, table: TableKey) -> OpenFile:
        try:
            return self._files_held.add(self._file(table))
        except OSError as error:
            raise QueryError(
                f"table {table.name!r} can't be read; restore its file, or delete it and build it "
                f"again\n{error}",
                artifact=str(self._files[table]),
            ) from error

    def _file(self, table: TableKey) -> Path:
        """Return a table's file, free of links.

        Raises:
            QueryError: If there is no such file, or it is a link that leads out of the dataset.
        """
        path = self._files[table]
        found = path.resolve()
        if not found.is_file():
            raise QueryError(
                f"table {table.name!r} has no file, or what bears its name is none; build it again",
                dataset=str(self._dataset),
                artifact=str(path),
            )
        if not found.is_relative_to(self._dataset.resolve()):
            raise QueryError(
                f"table {table.name!r} is a link that leads out of the dataset; put the file "
                f"itself here",
                dataset=str(self._dataset),
                artifact=str(path),
            )
        return found
