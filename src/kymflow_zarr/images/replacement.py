"""Replace one image by another, and recover replacements that were interrupted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.store import layout
from kymflow_zarr.store.files import remove
from kymflow_zarr.store.reads import reading

if TYPE_CHECKING:
    from kymflow_zarr.store.locks import Lock
    from kymflow_zarr.store.store import Store


def put_in_place(store: Store, hidden: Path, image_id: str) -> None:
    """Make a hidden folder the image of an id, in place of any there is.

    Raises:
        ReadOnlyError: If that would write through a link out of the store.
    """
    target = hidden.with_name(image_id)
    with store.journal.noting(image_id):
        if target.exists():
            _replace(store, hidden, target)
        else:
            os.replace(hidden, target)


def _replace(store: Store, hidden: Path, target: Path) -> None:
    with _lock(store):
        old = target.parent / layout.REPLACED / target.name
        store.check_writable("replace an image", old.parent)
        old.parent.mkdir(exist_ok=True)
        os.replace(target, old)
        os.replace(hidden, target)
        remove(old)


def recover_replacements(store: Store) -> None:
    """Put back images whose replacement was interrupted between its two renames.

    Args:
        store: The dataset; nothing is done if it is open for reading only.

    Raises:
        ReadError: If the folder can't be listed.
    """
    images = layout.images(store.path)
    swapped = images / layout.REPLACED
    with reading(swapped):
        if store.read_only or not swapped.is_dir() or not any(swapped.iterdir()):
            return
    store.check_writable("put back images", swapped)
    with _lock(store):
        for old in swapped.iterdir():
            target = images / old.name
            if target.exists():
                remove(old)
            else:
                with store.journal.noting(old.name):
                    os.replace(old, target)


def _lock(store: Store) -> Lock:
    from kymflow_zarr.store.locks import file_lock

    path = layout.replacement_lock(store.path)
    store.check_writable("take a lock", path.parent)
    return file_lock(path)
