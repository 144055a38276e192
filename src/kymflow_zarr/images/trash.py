"""The trash: images that were taken out of a dataset, whole, and can be put back."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import ImageNotFoundError, UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.store.files import writing
from kymflow_zarr.store.names import drop_invalid
from kymflow_zarr.store.reads import reading

if TYPE_CHECKING:
    from kymflow_zarr.images.record import ZarrImageRecord
    from kymflow_zarr.store.store import Store


def put_into_trash(record: ZarrImageRecord) -> None:
    """Move an image from the dataset to the trash, see :meth:`ZarrDataset.trash_image`."""
    source, target = record.path, _place(record.dataset, record.image_id)
    record.dataset.check_writable("trash an image", source.parent, target.parent)
    record.check_exists()
    with record.lock(), record.noting(), writing(source):
        if os.path.lexists(target):
            raise UsageError(
                "the trash holds an image of this id already; delete that folder of the trash "
                "if nobody needs it",
                image_id=record.image_id,
                artifact=str(target),
            )
        target.parent.mkdir(exist_ok=True)
        os.replace(source, target)


def put_back(record: ZarrImageRecord) -> None:
    """Move an image from the trash to the dataset, see :meth:`ZarrDataset.restore_image`."""
    source, target = _place(record.dataset, record.image_id), record.path
    record.dataset.check_writable("restore an image", source.parent, target.parent)
    with record.lock(), record.noting(), writing(target):
        if record.image_id not in trashed_ids(record.dataset):
            raise ImageNotFoundError(
                "the trash holds no image of this id",
                dataset=str(record.dataset.path),
                image_id=record.image_id,
            )
        if os.path.lexists(target):
            raise UsageError(
                "the dataset holds an image of this id already", image_id=record.image_id
            )
        os.replace(source, target)


def trashed_ids(store: Store) -> list[str]:
    """List the ids of the images in the trash, sorted.

    Raises:
        OutsideError: If the trash lies behind a link out of the dataset.
    """
    folder = resolve_within(store.path, layout.trash(store.path))
    try:
        with reading(folder):
            names = [each.name for each in os.scandir(folder) if each.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []
    return sorted(drop_invalid(names, folder))


def _place(store: Store, image_id: str) -> Path:
    return layout.trash(store.path) / image_id
