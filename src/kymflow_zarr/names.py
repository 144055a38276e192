"""Which ids and names may become paths: none that could leave the dataset."""

from __future__ import annotations

import re

from kymflow_zarr.errors import InvalidNameError

MAX_BYTES = 200
_PART = re.compile(r"[^./\\\x00-\x1f\x7f][^/\\\x00-\x1f\x7f]*")


def check_image_id(image_id: str) -> str:
    """Return an image id if it may be one.

    Raises:
        InvalidNameError: If it is empty, too long, holds a slash or a control character, or
            begins with a dot.
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
        if not _allowed(part):
            _refuse(name, "artifact name")
    return name


def _checked(name: str, what: str) -> str:
    if not isinstance(name, str) or not _allowed(name):
        _refuse(name, what)
    return name


def _allowed(part: str) -> bool:
    if not _PART.fullmatch(part):
        return False
    try:
        return len(part.encode()) <= MAX_BYTES
    except UnicodeEncodeError:
        return False


def _refuse(name: object, what: str) -> None:
    raise InvalidNameError(
        f"{name!r} may not be used as {what}: use 1 to {MAX_BYTES} bytes without slash, backslash "
        f"or control characters, and not beginning with a dot"
    )
