"""The root group of a dataset: made, and told from the roots of other Zarr stores."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from kymflow_zarr.errors import DatasetFormatError
from kymflow_zarr.files import temporary_of
from kymflow_zarr.groups import ZarrFormat, read_attributes, write_group

FORMAT = "kymflow_zarr_v1"
SCHEMA_VERSION = 1
_FOLDERS = ("images", "tables", "index")


def create_root(dataset: Path) -> None:
    """Make an empty dataset of Zarr v3 in a folder.

    The root is written last: until then this is no dataset.
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
        return all(each.name == "zarr.json" or temporary_of(each) for each in entry.iterdir())
    return temporary_of(entry) is not None


def check_root(dataset: Path, zarr_format: ZarrFormat) -> None:
    """Refuse a Zarr group that is not the root of a dataset known here.

    Raises:
        DatasetFormatError: If it is not.
    """
    attributes = read_attributes(dataset, zarr_format)
    if attributes.get("format") != FORMAT:
        raise DatasetFormatError(
            f"this Zarr group is not a dataset of ours: its attribute 'format' is "
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
    """Tell what goes last when a dataset is emptied: until then it can be opened and emptied."""
    return entry.name in ("zarr.json", ".zgroup", ".zattrs")
