"""A Zarr store of images: open it, add, list and delete images, reach its tables."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.errors import (
    DatasetFormatError,
    DatasetNotFoundError,
    ImageNotFoundError,
    ReadOnlyError,
    UsageError,
)
from kymflow_zarr.images.record import ZarrImageRecord
from kymflow_zarr.images.replacement import put_in_place, recover_replacements
from kymflow_zarr.sql.queryable import Queryable
from kymflow_zarr.store.files import leads_out, remove
from kymflow_zarr.store.groups import (
    ZarrFormat,
    check_root,
    create_root,
    group_format,
    is_root_metadata,
    is_unfinished,
)
from kymflow_zarr.store.leases import lease
from kymflow_zarr.store.names import check_dataset_path, check_image_id, drop_invalid
from kymflow_zarr.store.reads import read_many, reading
from kymflow_zarr.tables.table_store import TableStore

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr.sql.views import Views
    from kymflow_zarr.tables.types import Merged

_STAGED = ".staged-"
_ASIDE = ".aside-"


class ZarrDataset(Queryable):
    """A dataset of images, their artifacts and its tables, in one folder.

    The root group's attributes hold ``format`` and ``schema_version``. New datasets are Zarr v3;
    Zarr v2 ones of the same format open as well and keep their Zarr format.

    Args:
        path: The dataset's folder, by custom named ``….zarr``.
        mode: ``"r"`` reads an existing dataset, ``"a"`` opens or makes one for writing, ``"w"``
            makes an empty one, over a dataset of this format if there is one.

    Attributes:
        path: The absolute path of the folder.
        mode: As given.
        zarr_format: 2 or 3.
        tables: The dataset's tables.

    Raises:
        DatasetNotFoundError: With ``"r"``, if there is nothing at the path.
        DatasetFormatError: If something else lies there, or a schema version not known here.
        UsageError: If the path is empty or not valid Unicode.
        ReadError: If the folder may not be read.
    """

    def __init__(self, path: str | os.PathLike[str], mode: Literal["a", "r", "w"] = "a") -> None:
        if mode not in ("a", "r", "w"):
            raise UsageError(f"mode must be 'a', 'r' or 'w', not {mode!r}")
        self.path = check_dataset_path(path)
        self.mode = mode
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
        if found is None or mode == "w":
            found = 3
            create_root(self.path)
        self.zarr_format: ZarrFormat = found
        recover_replacements(self, self._images)

    def __repr__(self) -> str:
        return f"ZarrDataset({str(self.path)!r}, mode={self.mode!r})"

    @property
    def read_only(self) -> bool:
        """Whether the dataset is open for reading only."""
        return self.mode == "r"

    def check_writable(self, action: str, *places: Path) -> None:
        """Refuse a write on a dataset open for reading only, or beyond a link out of it.

        Args:
            action: What is to be done, for the message.
            places: The folders to be written in or deleted from.

        Raises:
            ReadOnlyError: If it is, or one of the places lies behind such a link.
        """
        if self.read_only:
            raise ReadOnlyError(
                f'can\'t {action}: the dataset is open for reading only; open it with mode="a"',
                dataset=str(self.path),
            )
        for place in places:
            if leads_out(self.path, place):
                raise ReadOnlyError(
                    f"can't {action}: {place} lies behind a link out of the dataset, and what lies "
                    f"there is only read; put the folder itself in the place of the link",
                    dataset=str(self.path),
                )

    # Images

    def add_image(
        self,
        arr: object,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
        image_id: str | None = None,
    ) -> ZarrImageRecord:
        """Add an image; it appears whole or not at all.

        Args:
            arr: Pixels, 2-D to 5-D.
            axes: One name an axis; by default ``yx``, ``zyx``, ``zyxc``, ``tzyxc``.
            chunks: Chunk shape; by default about 1 MiB, cut along the leading axes.
            image_id: The id; a random UUID by default.

        Returns:
            The image.

        Raises:
            InvalidArrayError: If the pixels, axes or chunks can't be stored.
            InvalidNameError: If the id may not be one.
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
        """Yield an image in a hidden folder, which joins the dataset when the block ends well.

        Args:
            image_id: The id; a random UUID by default.
            replacing: Whether to take the place of an image of that id.

        Raises:
            UsageError: If there is an image of that id and it is not to be replaced.
            ReadOnlyError: If the dataset is open for reading only.
        """
        self.check_writable("add an image", self._images)
        name = str(uuid.uuid4()) if image_id is None else check_image_id(image_id)
        if self.has_image(name) and not replacing:
            raise UsageError(
                "there is an image of this id already; choose another id or delete it first",
                dataset=str(self.path),
                image_id=name,
            )
        hidden = self._images / f"{_STAGED}{uuid.uuid4().hex}"
        with lease(hidden):
            try:
                yield ZarrImageRecord(self, name, hidden)
                put_in_place(self, hidden, name)
            finally:
                shutil.rmtree(hidden, ignore_errors=True)

    def record(self, image_id: str) -> ZarrImageRecord:
        """Return a handle on an image, without looking whether it is there.

        Raises:
            InvalidNameError: If the id may not be one.
        """
        return ZarrImageRecord(self, check_image_id(image_id))

    def has_image(self, image_id: str) -> bool:
        """Tell whether an image is in the dataset."""
        path = self._images / check_image_id(image_id)
        with reading(path):
            return path.is_dir()
        raise AssertionError("unreachable")

    def list_image_ids(self) -> list[str]:
        """Return the ids of all images, sorted.

        A folder whose name may not be an id is no image; a warning is logged.

        Raises:
            ReadError: If the folder of the images can't be listed.
        """
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

            ids = sorted_ids(self, order_by)
        yield from map(self.record, ids)

    def delete_image(self, image_id: str) -> None:
        """Delete an image with all its artifacts. Rows of tables go with the next update.

        Raises:
            ImageNotFoundError: If there is no such image.
            ReadOnlyError: If the dataset is open for reading only.
        """
        self.check_writable("delete an image", self._images)
        path = self.record(image_id).path
        aside = self._images / f"{_ASIDE}{uuid.uuid4().hex}"
        try:
            os.replace(path, aside)
        except FileNotFoundError as error:
            raise ImageNotFoundError(
                "there is no such image", dataset=str(self.path), image_id=image_id
            ) from error
        remove(aside)

    def get_many(self, keys: Iterable[str]) -> Iterator[bytes | OSError | None]:
        """Read many small blobs.

        Args:
            keys: Paths relative to the dataset, of parts already checked, such as
                ``images/<image_id>/analysis/<name>.json``.

        Yields:
            Each blob, None where there is none, the error where it can't be read.
        """
        root = f"{self.path}/"
        return read_many(root + key for key in keys)

    def update_manifest(self) -> pl.DataFrame:
        """Write ``index/manifest.parquet`` again and return it, see :meth:`load_manifest`."""
        from kymflow_zarr.images.manifest import build_manifest, save_manifest

        self.check_writable("update the manifest", self.path / "index")
        manifest = build_manifest(self)
        save_manifest(self, manifest)
        return manifest

    def load_manifest(self) -> pl.DataFrame:
        """Return what the images are, as last written; built afresh where nothing was.

        Returns:
            Frame (image_id, created_utc, updated_utc, shape list of int, dtype, axes list of
            str), a row an image, sorted by image_id.
        """
        from kymflow_zarr.images.manifest import build_manifest, read_manifest

        stored = read_manifest(self)
        return build_manifest(self) if stored is None else stored

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

    def _views(self) -> Views:
        from kymflow_zarr.sql.views import table_views

        return table_views(self)

    @property
    def _images(self) -> Path:
        return self.path / "images"

    def _is_empty_folder(self) -> bool:
        """Tell whether there is nothing but what another process writes who makes it as well."""
        return self.path.is_dir() and all(map(is_unfinished, self.path.iterdir()))
