"""What people call an image: its id, the beginning of it, or the file that it came from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import polars as pl

from kymflow_zarr.errors import (
    ArtifactError,
    DatasetError,
    ImageNotFoundError,
    InvalidNameError,
    UsageError,
)
from kymflow_zarr.store.codecs import parse_json

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_NAMED = 8
_TABLE, _PATH = "kym_images", "source_path"


def find_image(dataset: ZarrDataset, text: str, *, abbreviated: bool = True) -> str:
    """Find an image by whatever names it.

    Args:
        dataset: The dataset.
        text: An id; a beginning that no other id has; or a file's path in the lab folder, its name,
            or either without its ending.
        abbreviated: Whether the beginning of an id will do. A script had better not: where an
            image is gone, its id may be the beginning of another's.

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
    # A whole name goes before the beginning of one: ids begin with any letter.
    found = sorted(i for i, path in source_paths(dataset, ids) if _is_name(text, path))
    if not found:
        found = [i for i in ids if abbreviated and text and i.startswith(text)]
    if not found:
        raise ImageNotFoundError(
            "no image has this id, an id that begins so, or a file of this name",
            dataset=str(dataset.path),
            image_id=text,
        )
    return _only(text, found, {each: source_path(dataset, each) for each in found[:_NAMED]})


def find_trashed(dataset: ZarrDataset, text: str) -> str:
    """Find an image of the trash, likewise.

    Raises:
        ImageNotFoundError: If it names none that is there.
        UsageError: If it names several.
    """
    paths = trashed_paths(dataset)
    found = [image_id for image_id in paths if image_id == text]
    found = found or [i for i, path in paths.items() if path is not None and _is_name(text, path)]
    found = found or [image_id for image_id in paths if text and image_id.startswith(text)]
    if not found:
        raise ImageNotFoundError(
            "the trash holds no image of this id, of an id that begins so, or of this file; "
            "`kymflow images list DATASET --trash` lists what it holds",
            dataset=str(dataset.path),
            image_id=text,
        )
    return _only(text, found, paths)


def trashed_paths(dataset: ZarrDataset) -> dict[str, str | None]:
    """List the images in the trash, each with its file's path in the lab folder."""
    ids = dataset.list_trashed_ids()
    blobs = dataset.get_many(f"trash/{each}/analysis/metadata.json" for each in ids)
    return {image_id: _path_in(blob) for image_id, blob in zip(ids, blobs, strict=True)}


def _path_in(blob: bytes | OSError | None) -> str | None:
    try:
        return path_of(parse_json(blob)) if isinstance(blob, bytes) else None
    except ValueError:
        return None


def path_of(metadata: object) -> str | None:
    """Return the path of the file that metadata name; None if they name none."""
    source = metadata.get("source") if isinstance(metadata, dict) else None
    path = source.get("path") if isinstance(source, dict) else None
    return path if isinstance(path, str) else None


def _only(text: str, found: list[str], paths: Mapping[str, str | None]) -> str:
    if len(found) == 1:
        return found[0]
    told = ", ".join(f"{each} ({paths.get(each) or 'no file'})" for each in found[:_NAMED])
    more = ", …" if len(found) > _NAMED else ""
    raise UsageError(f"{text!r} names {len(found)} images: {told}{more}")


def source_path(dataset: ZarrDataset, image_id: str) -> str | None:
    """Return the path of an image's file in its lab folder; None if it came from none."""
    try:
        return path_of(dataset.record(image_id).load_metadata_payload())
    except ArtifactError:
        return None


def with_path(dataset: ZarrDataset, image_id: str) -> str:
    """Name an image for a person: its id, and in brackets the path of its file if it has one."""
    path = source_path(dataset, image_id)
    return image_id if path is None else f"{image_id} ({path})"


def telling_length(image_ids: Iterable[str]) -> int:
    """Return how many characters tell ids apart, 8 at least: so many of each will do as its name.

    Examples:
        >>> telling_length(["04b0017b-d999", "04b0017b-d1", "f6"])
        11
    """
    ids = sorted(set(image_ids))
    length = 8
    for one, other in pairwise(ids):
        while one[:length] == other[:length]:
            length += 1
    return length


def source_paths(dataset: ZarrDataset, image_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield images with their files' paths, those that have one.

    Args:
        dataset: The dataset.
        image_ids: The images; what the table of images does not know is read from their metadata.
    """
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
