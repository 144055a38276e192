"""Read a lab file's bytes and JSON, with errors that name the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kymflow.core.errors import SourceFileError
from kymflow.core.kym_dataset.provenance import parse_json

MAX_TEXT = 256 << 20


def read_bytes(path: Path) -> bytes:
    """Return a text file's bytes.

    Raises:
        SourceFileError: If it can't be read or is larger than 256 MiB.
    """
    try:
        if path.stat().st_size > MAX_TEXT:
            raise broken(path, f"it is larger than {MAX_TEXT >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        if isinstance(error, SourceFileError):
            raise
        raise broken(path, error.strerror or str(error)) from error


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        SourceFileError: If it is not one.
    """
    try:
        value = parse_json(read_bytes(path))
    except ValueError as error:
        if isinstance(error, SourceFileError):
            raise
        raise broken(path, f"it is not JSON: {error}") from error
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


def broken(path: Path, why: str) -> SourceFileError:
    """Return the error that says what is wrong with a file."""
    return SourceFileError(f"{path.name} can't be imported: {why}", artifact=str(path))
