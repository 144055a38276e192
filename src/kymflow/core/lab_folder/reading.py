"""Read a lab file's bytes and JSON, with errors that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from kymflow.core.errors import SourceFileError
from kymflow_zarr.errors import UsageError
from kymflow_zarr.reasons import escaped, first_line
from kymflow_zarr.store.codecs import encode_json, parse_json
from kymflow_zarr.store.reads import read_file

T = TypeVar("T")
MAX_TABLE = 256 << 20
"""Bytes of a file with a row for each sample or event."""
MAX_METADATA = 16 << 20
"""Bytes of a file that becomes part of the image's metadata."""


def read_bytes(path: Path, limit: int) -> bytes:
    """Return a text file's bytes.

    Args:
        path: The file.
        limit: The most bytes it may hold.

    Raises:
        SourceFileError: If it can't be read, is no plain file, or is larger.
    """
    try:
        return read_file(path, limit)
    except OSError as error:
        raise broken(path, error.strerror or str(error)) from error


def read_object(path: Path, limit: int = MAX_METADATA) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Args:
        path: The file.
        limit: The most bytes it may hold.

    Raises:
        SourceFileError: If it is not one, or is larger.
    """
    data = read_bytes(path, limit)
    try:
        value = parse_json(data)
    except ValueError as error:
        raise broken(path, f"it is not JSON: {first_line(error)}") from error
    if not isinstance(value, dict):
        raise broken(path, f"it holds a {type(value).__name__}, not an object")
    return value


def section(value: dict[str, Any], name: str, path: Path) -> dict[str, Any]:
    """Return an object within an object; empty where it is absent or null.

    Raises:
        SourceFileError: If it is something else.
    """
    inner = value.get(name) or {}
    if not isinstance(inner, dict):
        raise broken(path, f"{name!r} is a {type(inner).__name__}, not an object")
    return inner


def writable(value: T, path: Path) -> T:
    """Return a value read from JSON, if it can be written as JSON again.

    Raises:
        SourceFileError: If it is nested too deeply for that.
    """
    try:
        encode_json(value)
    except UsageError as error:
        raise broken(path, error.message) from error
    return value


def broken(path: Path, why: str) -> SourceFileError:
    """Return the error that says what is wrong with a file."""
    return SourceFileError(f"{escaped(path.name)} can't be imported: {why}", artifact=str(path))
