"""Whether a place is a dataset's own: the one test that writers, deleters and lakes go through.

A dataset from elsewhere holds links, and names of files in its catalog and metadata. Each is
resolved at the moment it is used, links at any depth followed, and refused where it leads out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from kymflow_zarr.errors import OutsideError
from kymflow_zarr.reasons import escaped

# DuckDB takes "file:/x" for a path, too; of one letter it is a drive.
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def resolve_within(root: Path, place: str | os.PathLike[str]) -> Path:
    """Resolve a place, and refuse it where it is not under a root.

    Args:
        root: The folder, which may itself be reached by links.
        place: A file or folder, existing or not; a relative path is taken from the root.

    Returns:
        The place, absolute and free of links.

    Raises:
        OutsideError: If it lies elsewhere, by its name or by a link.
    """
    [found] = resolve_all_within(root, [os.fspath(place)])
    return found


def resolve_all_within(root: Path, places: Iterable[str]) -> list[Path]:
    """Resolve many places, as :func:`resolve_within` does one.

    A folder is resolved once, whatever the number of files in it that are named.

    Raises:
        OutsideError: If one lies elsewhere.
    """
    home = os.path.realpath(root)
    folders: dict[str, str] = {}
    found: list[Path] = []
    for place in places:
        path = os.path.join(root, place)
        folder, name = os.path.split(path)
        if _SCHEME.match(place):
            raise _outside(root, place)
        if name in ("", ".", "..") or os.path.islink(path):
            real = os.path.realpath(path)
        else:
            if folder not in folders:
                folders[folder] = os.path.realpath(folder)
            real = os.path.join(folders[folder], name)
        if not Path(real).is_relative_to(home):
            raise _outside(root, path)
        found.append(Path(real))
    return found


def is_within(root: Path, place: str | os.PathLike[str]) -> bool:
    """Tell whether a place lies under a root once links are followed."""
    try:
        resolve_within(root, place)
    except OutsideError:
        return False
    return True


def delete_within(root: Path, place: str | os.PathLike[str]) -> bool:
    """Delete a file under a root; of a link only the link, wherever it leads.

    Args:
        root: The folder.
        place: The file; a relative path is taken from the root.

    Returns:
        Whether there was one.

    Raises:
        OutsideError: If its folder lies elsewhere.
    """
    folder, name = os.path.split(os.path.join(root, place))
    path = resolve_within(root, folder) / name
    if name in ("", ".", ".."):
        raise _outside(root, os.path.join(root, place))
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _outside(root: Path, path: str) -> OutsideError:
    named = Path(os.path.normpath(path)).is_relative_to(os.path.normpath(root))
    why = (
        "lies behind a link out of the dataset, and what lies there is only read; put the file or "
        "folder itself in the place of the link"
        if named
        else "lies outside of the dataset, and is left alone; restore what names it"
    )
    return OutsideError(f"{escaped(path)} {why}", dataset=str(root))
