"""A dataset's folder: where it is, whether it may be written to, and many small reads."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from kymflow_zarr.errors import DatasetNotFoundError, OutsideError, ReadOnlyError, UsageError
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.store.groups import ZarrFormat, create_root, group_format
from kymflow_zarr.store.journal import Journal
from kymflow_zarr.store.names import check_dataset_path
from kymflow_zarr.store.reads import read_many

Mode = Literal["a", "r", "w"]


class Store:
    """The folder of one dataset: all that the storage code below ``ZarrDataset`` needs.

    Args:
        path: The folder.
        mode: ``"r"`` for reading only, ``"a"`` or ``"w"`` for writing too.

    Attributes:
        path: The absolute path of the folder.
        mode: As given.
        zarr_format: 2 or 3.

    Raises:
        UsageError: If the path is empty or not valid Unicode, or there is no such mode.
    """

    zarr_format: ZarrFormat

    def __init__(self, path: str | os.PathLike[str], mode: Mode) -> None:
        if mode not in ("a", "r", "w"):
            raise UsageError(f"mode must be 'a', 'r' or 'w', not {mode!r}")
        self.path = check_dataset_path(path)
        self.mode = mode
        self._there = True

    @property
    def read_only(self) -> bool:
        """Whether the dataset is open for reading only."""
        return self.mode == "r"

    @property
    def journal(self) -> Journal:
        """The journal of what is written to images; it is off unless it was turned on."""
        return Journal(self.path)

    def check_there(self) -> None:
        """Refuse to read a dataset that is opened but not made yet.

        Raises:
            DatasetNotFoundError: If nothing was made here, by this process or another.
        """
        if self._there:
            return
        found = group_format(self.path)
        if found is None:
            raise DatasetNotFoundError(
                'there is no dataset here; check the path, or make one with mode="a"',
                dataset=str(self.path),
            )
        self.zarr_format = found
        self._there = True

    def make(self) -> None:
        """Make the dataset's root, unless it is there."""
        if not self._there:
            found = group_format(self.path)
            if found is None:
                create_root(self.path)
            self.zarr_format = found or 3
            self._there = True

    def check_writable(self, action: str, *places: Path) -> None:
        """Refuse a write to a dataset open for reading only, or through a link out of it.

        Args:
            action: What the write does, for the message.
            places: The folders to be written in or deleted from.

        Raises:
            ReadOnlyError: If it is.
            OutsideError: If one of the places lies behind such a link.
        """
        if self.read_only:
            raise ReadOnlyError(
                f'can\'t {action}: the dataset is open for reading only; open it with mode="a"',
                dataset=str(self.path),
            )
        for place in places:
            try:
                resolve_within(self.path, place)
            except OutsideError as error:
                raise OutsideError(
                    f"can't {action}: {error.message}", dataset=error.dataset
                ) from error

    def get_many(self, keys: Iterable[str]) -> Iterator[bytes | OSError | None]:
        """Read many small blobs.

        Args:
            keys: Paths relative to the dataset, of parts already checked, such as
                ``images/<image_id>/analysis/<name>.json``.

        Yields:
            Each blob, None if there is no file, the error if it can't be read.
        """
        root = f"{self.path}/"
        return read_many(root + key for key in keys)
