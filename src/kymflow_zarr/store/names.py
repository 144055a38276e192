"""Which ids and names may become paths: none that could leave the dataset, on any system.

Windows opens a device for ``NUL`` or ``con.json``, drops dots and spaces at the end of a name, and
takes ``C:x`` for a path of its own and ``a:b`` for a hidden stream of a file. A dataset made
elsewhere must not meet that.
"""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from kymflow_zarr.errors import InvalidNameError, UsageError
from kymflow_zarr.reasons import escaped

log = logging.getLogger(__name__)

MAX_BYTES = 200
_DEVICE = r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(?:\.|$)"
_PART = re.compile(
    rf"(?!{_DEVICE})[^./\\:\x00-\x1f\x7f-\x9f][^/\\:\x00-\x1f\x7f-\x9f]*(?<![. ])", re.IGNORECASE
)
# A hundred thousand usual names, each at the start of a line, are let pass in one go.
_USUAL = re.compile(r"(?:[0-9A-Za-z][0-9A-Za-z_-]{4,99}+\n)*+")


def drop_invalid(names: list[str], folder: Path) -> list[str]:
    """Return the names found in a folder less those that may not be names; these are logged."""
    if _USUAL.fullmatch("".join(f"{name}\n" for name in names)):
        return names
    strangers = {name: None for name in names if not is_valid_name(name)}
    if strangers:
        log.warning(
            "%s holds %d entries whose names may not be used and which are passed over, such as "
            "%a; rename them",
            escaped(str(folder)),
            len(strangers),
            next(iter(strangers)),
        )
    return [name for name in names if name not in strangers]


def is_valid_name(text: str) -> bool:
    """Tell whether a text may be an image id or a table name."""
    if not _PART.fullmatch(text):
        return False
    try:
        return len(text.encode()) <= MAX_BYTES
    except UnicodeEncodeError:
        return False


def check_dataset_path(path: str | os.PathLike[str]) -> Path:
    """Return a dataset's path, absolute, if it may be one.

    Raises:
        UsageError: If it is empty or not valid Unicode.
    """
    if path == "":
        raise UsageError("the dataset's path is empty; '.' stands for the working directory")
    absolute = Path(path).absolute()
    try:
        os.fspath(absolute).encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the dataset's path {os.fspath(absolute)!a} is not valid Unicode, without which "
            f"neither Polars nor DuckDB opens a file; rename the folder"
        ) from error
    return absolute


def check_image_id(image_id: str) -> str:
    """Return an image id if it may be one.

    Raises:
        InvalidNameError: If it is empty, too long, holds a slash, a colon or a control character,
            begins with a dot, ends with a dot or a space, or names a device of Windows.
    """
    return _checked(image_id, "image id")


def check_table_name(name: str) -> str:
    """Return a table name if it may be one.

    Raises:
        InvalidNameError: As for an image id.
    """
    return _checked(name, "table name")


def check_artifact_name(name: str) -> str:
    """Return an artifact name if it may be one; slashes make folders.

    Raises:
        InvalidNameError: If one of its parts may not be a name.
    """
    if not isinstance(name, str) or not name:
        _refuse(name, "artifact name")
    for part in name.split("/"):
        if not is_valid_name(part):
            _refuse(name, "artifact name")
    return name


def _checked(name: str, what: str) -> str:
    if not isinstance(name, str) or not is_valid_name(name):
        _refuse(name, what)
    return name


def _refuse(name: object, what: str) -> None:
    raise InvalidNameError(
        f"{name!r} may not be used as {what}: use 1 to {MAX_BYTES} bytes without slash, backslash, "
        f"colon or control characters, no dot at either end, no space at the end, and no name of a "
        f"Windows device"
    )
