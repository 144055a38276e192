"""What people call an image: its id, the beginning of it, or the file that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from kymflow_zarr.errors import ArtifactError, DatasetError, ImageNotFoundError, InvalidNameError, UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_NAMED = 8
_TABLE, _PATH = "kym_images", "source_path"


def find_image(dataset: ZarrDataset, text: str) -> str:
    """Find an image by whatever names it.

    Args:
        dataset: The dataset.
        text: An id; a beginning that no other id has; or a file's path in the lab folder, its name,
            or either without its ending.

    Returns:
        The image's id.

    Raises:
        ImageNotFoundError: If it names no image.
        UsageError: If it names several.
    """
    with suppress(InvalidNameError):  # a path is no id
        if dataset.has_image(text):
            return text
    ids = dataset.list_image_ids()
    found = [image_id for image_id in ids if text and image_id.startswith(text)]
    if not found:
        there = set(ids)
        found = sorted(i for i, path in _paths(dataset, ids) if i in there and _is_name(text, path))
    if not found:
        raise ImageNotFoundError(
            "no image has this id, an id that begins so, or a file of this name",
            dataset=str(dataset.path),
            image_id=text,
        )
    if len(found) > 1:
        told = ", ".join(f"{each} ({path})" for each, path in _told(dataset, found[:_NAMED]))
        more = ", …" if len(found) > _NAMED else ""
        raise UsageError(f"{text!r} names {len(found)} images: {told}{more}")
    return found[0]


def source_path(dataset: ZarrDataset, image_id: str) -> str | None:
    """Return the path of an image's file in its lab folder; None if it came from none."""
    try:
        source = dataset.record(image_id).load_metadata_payload().get("source")
    except ArtifactError:
        return None
    path = source.get("path") if isinstance(source, dict) else None
    return path if isinstance(path, str) else None


def _told(dataset: ZarrDataset, image_ids: list[str]) -> Iterator[tuple[str, str]]:
    return ((each, source_path(dataset, each) or "no file") for each in image_ids)


def _paths(dataset: ZarrDataset, image_ids: list[str]) -> Iterator[tuple[str, str]]:
    """Yield images with their files' paths, from the table if it has all of them."""
    try:
        table = dataset.scan_table(_TABLE).select("image_id", _PATH).drop_nulls().collect()
    except (DatasetError, pl.exceptions.PolarsError):
        table = pl.DataFrame(schema={"image_id": pl.String, _PATH: pl.String})
    listed = dict(table.iter_rows())
    for image_id in image_ids:
        path = listed.get(image_id) or source_path(dataset, image_id)
        if path is not None:
            yield image_id, path


def _is_name(text: str, path: str) -> bool:
    file = PurePosixPath(path)
    return text in (path, file.name, file.stem, str(file.with_suffix("")))
