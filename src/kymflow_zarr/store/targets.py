"""Files that people name to be written: never a dataset's own, a link, or what is no file."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from kymflow_zarr.errors import DatasetError, UsageError
from kymflow_zarr.reasons import escaped
from kymflow_zarr.store.groups import check_root, group_format


def check_target(path: Path) -> None:
    """Refuse to write an answer, a picture or an export where something else would be lost.

    Args:
        path: The file to be written.

    Raises:
        UsageError: If it is a link, a folder, a pipe or a device, or lies in a dataset.
    """
    why = None
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        mode = None  # it is not there, or writing it will say what is wrong
    if mode is not None and stat.S_ISLNK(mode):
        why = "it is a link; name the file it leads to, or another"
    elif mode is not None and stat.S_ISDIR(mode):
        why = "it is a folder; name a file in it"
    elif mode is not None and not stat.S_ISREG(mode):
        why = "it is a pipe or a device, no file; name a file"
    elif (dataset := _dataset_of(path)) is not None:
        why = f"it lies in the dataset {escaped(str(dataset))}; name a file elsewhere"
    if why is not None:
        raise UsageError(f"{escaped(path.name)} is not written: {why}", artifact=str(path))


def _dataset_of(path: Path) -> Path | None:
    """Return the dataset that a path lies in once links are followed, None if in none."""
    for folder in Path(os.path.realpath(path)).parents:
        found = group_format(folder)
        if found is not None:
            try:
                check_root(folder, found)
            except DatasetError:
                continue
            return folder
    return None
