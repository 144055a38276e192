"""Links within a dataset: what lies behind one that leads out of it is read, never touched.

A lab may keep artifacts elsewhere and link them in; reading goes through. Writing, changing and
deleting stop at such a link, so that a dataset from elsewhere reaches no file but its own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def leads_out(root: Path, place: Path) -> bool:
    """Tell whether a place under a root lies elsewhere once links are followed.

    Args:
        root: The folder, which may be reached by links itself.
        place: A file or folder in it, existing or not.
    """
    return not Path(os.path.realpath(place)).is_relative_to(os.path.realpath(root))


def remove(path: Path) -> None:
    """Delete a folder with all that is in it, or a file; of a link only the link."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink()
