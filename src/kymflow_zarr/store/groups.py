"""Zarr group metadata as plain JSON files, so that opening a dataset need not import zarr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from kymflow_zarr.errors import DatasetFormatError
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.reads import read_file, reading

ZarrFormat = Literal[2, 3]


def attributes_file(zarr_format: ZarrFormat) -> str:
    """Return the name of the file that holds a group's attributes."""
    return "zarr.json" if zarr_format == 3 else ".zattrs"


def group_format(path: Path) -> ZarrFormat | None:
    """Return the Zarr format of the group at a path, None if there is no group."""
    if (path / "zarr.json").is_file():
        return 3
    if (path / ".zgroup").is_file():
        return 2
    return None


def read_attributes(path: Path, zarr_format: ZarrFormat) -> dict[str, Any]:
    """Return a group's attributes; empty if it has none.

    Raises:
        DatasetFormatError: If the metadata file holds something else.
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


FORMAT = "kymflow_zarr_v1"
SCHEMA_VERSION = 1
_FOLDERS = ("images", "tables", "index")


def create_root(dataset: Path) -> None:
    """Make an empty dataset of Zarr v3 in a folder.

    The root's metadata is written last: a folder without it is not a dataset.
    """
    for folder in _FOLDERS:
        write_group(dataset / folder, 3, {})
    created = datetime.now(UTC).isoformat()
    attributes = {"format": FORMAT, "schema_version": SCHEMA_VERSION, "created_utc": created}
    write_group(dataset, 3, attributes)


def is_unfinished(entry: Path) -> bool:
    """Tell whether an entry of a folder is there because a dataset is being made of it.

    That goes on in another process, or did in one that was killed; either way making it again does
    no harm.
    """
    if entry.name in _FOLDERS and entry.is_dir():
        return all(
            each.name == "zarr.json" or layout.temporary_of(each) for each in entry.iterdir()
        )
    return layout.temporary_of(entry) is not None


def check_root(dataset: Path, zarr_format: ZarrFormat) -> None:
    """Refuse a Zarr group that is not the root of a dataset of this format and version.

    Raises:
        DatasetFormatError: If it is not.
    """
    attributes = read_attributes(dataset, zarr_format)
    if attributes.get("format") != FORMAT:
        raise DatasetFormatError(
            f"this Zarr group is not a dataset of this format: its attribute 'format' is "
            f"{attributes.get('format')!r}, not {FORMAT!r}; choose another path",
            dataset=str(dataset),
        )
    if attributes.get("schema_version") != SCHEMA_VERSION:
        raise DatasetFormatError(
            f"the dataset has schema version {attributes.get('schema_version')!r} and this "
            f"release reads {SCHEMA_VERSION}; install the release that made it",
            dataset=str(dataset),
        )


def is_root_metadata(entry: Path) -> bool:
    """Tell whether a file makes a folder a dataset.

    Such files are deleted last, so that a dataset half emptied can be opened and emptied again.
    """
    return entry.name in ("zarr.json", ".zgroup", ".zattrs")
