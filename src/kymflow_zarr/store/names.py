"""Valid ids and names: as paths they stay within the dataset, on any system.

Windows opens a device for ``NUL`` or ``con.json``, drops dots and spaces at the end of a name, and
takes ``C:x`` for a path on a drive and ``a:b`` for a hidden stream of a file. Such names are
refused everywhere, so that every dataset works there.
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
# One match accepts a hundred thousand usual names, one per line.
_USUAL = re.compile(r"(?:[0-9A-Za-z][0-9A-Za-z_-]{4,99}+\n)*+")


def drop_invalid(names: list[str], folder: Path) -> list[str]:
    """Return the valid names among those found in a folder; the others are logged."""
    if _USUAL.fullmatch("".join(f"{name}\n" for name in names)):
        return names
    invalid = {name: None for name in names if not is_valid_name(name)}
    if invalid:
        log.warning(
            "%s holds %d entries with invalid names, which are skipped, such as %a; rename them",
            escaped(str(folder)),
            len(invalid),
            next(iter(invalid)),
        )
    return [name for name in names if name not in invalid]


def is_valid_name(text: str) -> bool:
    """Tell whether a text may be an image id or a table name."""
    if not _PART.fullmatch(text):
        return False
    try:
        return len(text.encode()) <= MAX_BYTES
    except UnicodeEncodeError:
        return False


def check_dataset_path(path: str | os.PathLike[str]) -> Path:
    """Check a dataset's path and return it, absolute.

    Raises:
        UsageError: If it is empty or not valid Unicode.
    """
    if path == "":
        raise UsageError("the dataset's path is empty; '.' is the working directory")
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
    """Check an image id and return it.

    Raises:
        InvalidNameError: If it is empty, too long, holds a slash, a colon or a control character,
            begins with a dot, ends with a dot or a space, or names a device of Windows.
    """
    return _checked(image_id, "image id")


def check_table_name(name: str) -> str:
    """Check a table name and return it.

    Raises:
        InvalidNameError: As for an image id.
    """
    return _checked(name, "table name")


def check_artifact_name(name: str) -> str:
    """Check an artifact name and return it; slashes make folders.

    Raises:
        InvalidNameError: If one of its parts is not valid.
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
