"""Put one image in the place of another, and put back what was interrupted at it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.store.files import remove
from kymflow_zarr.store.reads import reading

if TYPE_CHECKING:
    from kymflow_zarr.dataset import ZarrDataset
    from kymflow_zarr.store.locks import Lock

_SWAPPED = ".swapped"


def put_in_place(dataset: ZarrDataset, hidden: Path, image_id: str) -> None:
    """Make a hidden folder the image of an id, in place of the one there is.

    Raises:
        ReadOnlyError: If that would write beyond a link out of the dataset.
    """
    target = hidden.with_name(image_id)
    if not target.exists():
        os.replace(hidden, target)
        return
    with _lock(dataset):
        aside = target.parent / _SWAPPED / image_id
        dataset.check_writable("replace an image", aside.parent)
        aside.parent.mkdir(exist_ok=True)
        os.replace(target, aside)
        os.replace(hidden, target)
        remove(aside)


def recover_replacements(dataset: ZarrDataset, images: Path) -> None:
    """Put back images whose replacement was interrupted between its two renames.

    Args:
        dataset: The dataset; nothing is done where it is open for reading only.
        images: The folder of its images.

    Raises:
        ReadError: If the folder can't be listed.
    """
    swapped = images / _SWAPPED
    with reading(swapped):
        if dataset.read_only or not swapped.is_dir() or not any(swapped.iterdir()):
            return
    dataset.check_writable("put back images", swapped)
    with _lock(dataset):
        for aside in swapped.iterdir():
            target = images / aside.name
            if target.exists():
                remove(aside)
            else:
                os.replace(aside, target)


def _lock(dataset: ZarrDataset) -> Lock:
    from kymflow_zarr.store.locks import file_lock

    path = dataset.path / "index" / "locks" / ".swap.lock"
    dataset.check_writable("take a lock", path.parent)
    return file_lock(path)
