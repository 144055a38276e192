"""A Zarr store of images: open it, add, list and delete images, reach its tables."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import (
    DatasetFormatError,
    DatasetNotFoundError,
    UsageError,
)
from kymflow_zarr.images.artifacts import no_image
from kymflow_zarr.images.record import ZarrImageRecord
from kymflow_zarr.images.replacement import put_in_place, recover_replacements
from kymflow_zarr.images.trash import put_back, put_into_trash, trashed_ids
from kymflow_zarr.sql.queryable import Queryable
from kymflow_zarr.store import layout
from kymflow_zarr.store.files import remove
from kymflow_zarr.store.groups import (
    check_root,
    group_format,
    is_root_metadata,
    is_unfinished,
)
from kymflow_zarr.store.leases import lease
from kymflow_zarr.store.names import check_image_id, drop_invalid
from kymflow_zarr.store.reads import reading
from kymflow_zarr.store.store import Mode, Store
from kymflow_zarr.tables.table_store import TableStore

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr.sql.views import Views
    from kymflow_zarr.tables.types import Merged


class ZarrDataset(Store, Queryable):
    """A dataset of images, their artifacts and its tables, in one folder.

    The root group's attributes hold ``format`` and ``schema_version``. New datasets are Zarr v3;
    Zarr v2 ones of the same format open as well and keep their Zarr format.

    Args:
        path: The dataset's folder, usually named ``*.zarr``.
        mode: ``"r"`` reads an existing dataset, ``"a"`` opens or makes one for writing, ``"w"``
            makes an empty one, in place of any dataset of this format at the path. By default a
            dataset is opened for writing; where there is none, it is made with its first image and
            not before, so that a mistyped path makes nothing.

    Attributes:
        path: The absolute path of the folder.
        mode: As given; ``"a"`` by default.
        zarr_format: 2 or 3.
        tables: The dataset's tables.

    Raises:
        DatasetNotFoundError: With ``"r"``, if there is nothing at the path.
        DatasetFormatError: If something else is there, or a schema version not known here.
        UsageError: If the path is empty or not valid Unicode.
        ReadError: If the folder may not be read.
    """

    def __init__(self, path: str | os.PathLike[str], mode: Mode | None = None) -> None:
        super().__init__(path, mode or "a")
        self.tables = TableStore(self)
        with reading(self.path):
            found = group_format(self.path)
        if found is not None:
            check_root(self.path, found)
            if mode == "w":
                for entry in sorted(self.path.iterdir(), key=is_root_metadata):
                    remove(entry)
        elif mode == "r" and not self.path.exists():
            raise DatasetNotFoundError(
                "there is no dataset here; check the path", dataset=str(self.path)
            )
        elif mode == "r" or (self.path.exists() and not self._is_empty_folder()):
            raise DatasetFormatError(
                "this is not a dataset: it has no Zarr group at its root; choose another path",
                dataset=str(self.path),
            )
        self.zarr_format = found or 3
        self._there = found is not None and mode != "w"
        if mode is None and not self._there:
            return
        self.make()
        recover_replacements(self)

    def __repr__(self) -> str:
        return f"ZarrDataset({str(self.path)!r}, mode={self.mode!r})"

    def __len__(self) -> int:
        return len(self.list_image_ids())

    def __bool__(self) -> bool:
        return True  # a dataset without images is one

    def __iter__(self) -> Iterator[ZarrImageRecord]:
        return self.iter_records()

    def __contains__(self, image_id: object) -> bool:
        return isinstance(image_id, str) and self.has_image(image_id)

    def __getitem__(self, image_id: str) -> ZarrImageRecord:
        record = self.record(image_id)
        record.check_exists()
        return record

    # Images

    def add_image(
        self,
        arr: object,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
        image_id: str | None = None,
    ) -> ZarrImageRecord:
        """Add an image atomically: readers see all of it or nothing.

        Args:
            arr: Pixels, 2-D to 5-D.
            axes: One name per axis; by default ``yx``, ``zyx``, ``zyxc``, ``tzyxc``.
            chunks: Chunk shape; by default about 1 MiB, cut along the leading axes.
            image_id: The id; a random UUID by default.

        Returns:
            The image.

        Raises:
            InvalidArrayError: If the pixels, axes or chunks can't be stored.
            InvalidNameError: If the id is not valid.
            UsageError: If there is an image of that id.
            ReadOnlyError: If the dataset is open for reading only.
        """
        with self.stage_image(image_id) as staged:
            staged.save_array(arr, axes=axes, chunks=chunks)
        return self.record(staged.image_id)

    @contextmanager
    def stage_image(
        self, image_id: str | None = None, *, replacing: bool = False
    ) -> Iterator[ZarrImageRecord]:
        """Yield an image in a hidden folder, which joins the dataset when the block succeeds.

        Args:
            image_id: The id; a random UUID by default.
            replacing: Whether to take the place of an image of that id.

        Raises:
            UsageError: If there is an image of that id and ``replacing`` is false.
            ReadOnlyError: If the dataset is open for reading only.
        """
        self.check_writable("add an image", self._images)
        self.make()
        name = str(uuid.uuid4()) if image_id is None else check_image_id(image_id)
        if self.has_image(name) and not replacing:
            raise UsageError(
                "there is an image of this id already; choose another id or delete it first",
                dataset=str(self.path),
                image_id=name,
            )
        hidden = layout.new_staged_image(self.path)
        with lease(hidden):
            try:
                yield ZarrImageRecord(self, name, hidden)
                put_in_place(self, hidden, name)
            finally:
                shutil.rmtree(hidden, ignore_errors=True)

    def record(self, image_id: str) -> ZarrImageRecord:
        """Return a handle on an image, without checking that it exists.

        Raises:
            InvalidNameError: If the id is not valid.
        """
        return ZarrImageRecord(self, check_image_id(image_id))

    def has_image(self, image_id: str) -> bool:
        """Tell whether an image is in the dataset."""
        path = self._images / check_image_id(image_id)
        with reading(path):
            found = path.is_dir()
        return found

    def pick_image_ids(self, image_ids: Iterable[str] | None) -> list[str]:
        """List the ids of the images asked for, sorted, each once; of all if None.

        Raises:
            InvalidNameError: If an id is not valid.
            ImageNotFoundError: If there is no image of one.
        """
        if image_ids is None:
            return self.list_image_ids()
        self.check_there()
        picked = sorted({check_image_id(image_id) for image_id in image_ids})
        for image_id in picked:
            if not self.has_image(image_id):
                raise no_image(self.path, image_id)
        return picked

    def list_image_ids(self) -> list[str]:
        """List the ids of all images, sorted.

        A folder whose name is not a valid id is skipped, with a warning in the log.

        Raises:
            ReadError: If the folder of the images can't be listed.
        """
        self.check_there()
        try:
            with reading(self._images), os.scandir(self._images) as entries:
                names = sorted(e.name for e in entries if e.name[0] != "." and e.is_dir())
        except FileNotFoundError:
            return []
        return drop_invalid(names, self._images)

    def iter_records(self, order_by: str = "image_id") -> Iterator[ZarrImageRecord]:
        """Yield all images.

        Args:
            order_by: A column of the manifest: ``image_id``, ``created_utc``, ``updated_utc`` or
                ``dtype``; images without a value come last.

        Raises:
            UsageError: If there is no such column.
        """
        if order_by == "image_id":
            ids = self.list_image_ids()
        else:
            from kymflow_zarr.images.manifest import sorted_ids

            ids = sorted_ids(self, self.list_image_ids(), order_by)
        yield from map(self.record, ids)

    def delete_image(self, image_id: str) -> None:
        """Delete an image with all its artifacts, for good; see :meth:`trash_image`.

        The next update removes its rows from the tables.

        Raises:
            ImageNotFoundError: If there is no such image.
            ReadOnlyError: If the dataset is open for reading only.
        """
        self.check_writable("delete an image", self._images)
        record = self.record(image_id)
        record.check_exists()
        deleted = layout.new_deleted(record.path)
        with record.lock(), record.noting():
            try:
                os.replace(record.path, deleted)
            except FileNotFoundError as error:
                raise no_image(self.path, image_id) from error
        remove(deleted)

    def trash_image(self, image_id: str) -> None:
        """Take an image out of the dataset, into its trash; :meth:`restore_image` puts it back.

        Raises:
            ImageNotFoundError: If there is no such image.
            UsageError: If the trash holds one of this id.
            ReadOnlyError: If the dataset is open for reading only.
        """
        put_into_trash(self.record(image_id))

    def restore_image(self, image_id: str) -> ZarrImageRecord:
        """Put an image back from the trash; return it.

        Raises:
            ImageNotFoundError: If the trash holds none of this id.
            UsageError: If the dataset holds one of this id.
            ReadOnlyError: If the dataset is open for reading only.
        """
        put_back(self.record(image_id))
        return self.record(image_id)

    def list_trashed_ids(self) -> list[str]:
        """List the ids of the images in the trash, sorted."""
        return trashed_ids(self)

    def update_manifest(self) -> pl.DataFrame:
        """Rebuild ``index/manifest.parquet`` and return it, see :meth:`load_manifest`."""
        from kymflow_zarr.images.manifest import build_manifest, save_manifest

        self.check_writable("update the manifest", layout.index(self.path))
        manifest = build_manifest(self, self.list_image_ids())
        save_manifest(self, manifest)
        return manifest

    def load_manifest(self) -> pl.DataFrame:
        """Return the manifest as last written; built now if it never was.

        Returns:
            Frame (image_id, created_utc, updated_utc, shape list of int, dtype, axes list of
            str), one row per image, sorted by image_id.
        """
        from kymflow_zarr.images.manifest import build_manifest, read_manifest

        stored = read_manifest(self)
        return build_manifest(self, self.list_image_ids()) if stored is None else stored

    # Tables

    def list_table_names(self) -> list[str]:
        """Return the names of the tables, sorted."""
        return self.tables.names()

    def save_table(self, name: str, frame: object) -> Path:
        """Write a whole table, see :meth:`TableStore.save`."""
        return self.tables.save(name, frame)

    def load_table(self, name: str) -> pl.DataFrame:
        """Return a table, see :meth:`TableStore.load`."""
        return self.tables.load(name)

    def scan_table(self, name: str) -> pl.LazyFrame:
        """Return a table as a lazy frame, see :meth:`TableStore.scan`."""
        return self.tables.scan(name)

    def delete_table(self, name: str) -> None:
        """Delete a table, see :meth:`TableStore.delete`."""
        self.tables.delete(name)

    def replace_rows_for_image_id(self, name: str, image_id: str, frame: object) -> Merged:
        """Replace one image's rows, see :meth:`TableStore.replace_rows_for_image_id`."""
        return self.tables.replace_rows_for_image_id(name, image_id, frame)

    @property
    def _folder(self) -> Path:
        return self.path

    def _views(self) -> Views:
        from kymflow_zarr.sql.views import table_views

        return table_views(self.tables.backend, self.path)

    @property
    def _images(self) -> Path:
        return layout.images(self.path)

    def _is_empty_folder(self) -> bool:
        """Tell whether there is nothing but what another process writes who makes it as well."""
        return self.path.is_dir() and all(map(is_unfinished, self.path.iterdir()))
