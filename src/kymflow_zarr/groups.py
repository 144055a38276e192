"""Zarr group metadata as plain JSON files, so that opening a dataset need not import zarr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from kymflow_zarr.errors import DatasetFormatError, first_line
from kymflow_zarr.files import read_file, reading, write_atomic
from kymflow_zarr.formats import decode_object

ZarrFormat = Literal[2, 3]


def attributes_file(zarr_format: ZarrFormat) -> str:
    """Return the name of the file that holds a group's attributes."""
    return "zarr.json" if zarr_format == 3 else ".zattrs"


def group_format(path: Path) -> ZarrFormat | None:
    """Return the Zarr format of the group at a path, None where there is no group."""
    if (path / "zarr.json").is_file():
        return 3
    if (path / ".zgroup").is_file():
        return 2
    return None


def read_attributes(path: Path, zarr_format: ZarrFormat) -> dict[str, Any]:
    """Return a group's attributes; empty where it has none.

    Raises:
        DatasetFormatError: If the metadata file does not hold that.
        ReadError: If the system refuses to read it.
    """
    file = path / attributes_file(zarr_format)
    try:
        with reading(file):
            blob = read_file(file)
        return parse_attributes(blob, zarr_format)
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise DatasetFormatError(
            f"the Zarr metadata can't be read ({first_line(error)}); restore {file.name}",
            dataset=str(path),
        ) from error


def parse_attributes(blob: bytes, zarr_format: ZarrFormat) -> dict[str, Any]:
    """Return the attributes that a group's metadata bytes hold.

    Raises:
        ValueError: If they are not JSON of that kind.
    """
    metadata = decode_object(blob)
    attributes = metadata.get("attributes", {}) if zarr_format == 3 else metadata
    if not isinstance(attributes, dict):
        raise ValueError("its attributes are not an object")
    return attributes


def write_group(path: Path, zarr_format: ZarrFormat, attributes: Mapping[str, Any]) -> None:
    """Make a group with attributes, or replace the attributes of one."""
    if zarr_format == 3:
        group = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)}
        write_atomic(path / "zarr.json", json.dumps(group, indent=2).encode())
        return
    write_atomic(path / ".zgroup", b'{"zarr_format": 2}')
    write_atomic(path / ".zattrs", json.dumps(dict(attributes), indent=2).encode())
