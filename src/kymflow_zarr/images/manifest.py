"""The manifest: what the images are, read in bulk from their Zarr metadata."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow_zarr.errors import UsageError
from kymflow_zarr.store import parquet
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.files import atomic_path
from kymflow_zarr.store.groups import attributes_file, parse_attributes

if TYPE_CHECKING:
    from kymflow_zarr.dataset import ZarrDataset

SCHEMA = pl.Schema(
    {
        "image_id": pl.String(),
        "created_utc": pl.String(),
        "updated_utc": pl.String(),
        "shape": pl.List(pl.Int64()),
        "dtype": pl.String(),
        "axes": pl.List(pl.String()),
    }
)
Blob = bytes | OSError | None

_SORTABLE = ("image_id", "created_utc", "updated_utc", "dtype")


def build_manifest(dataset: ZarrDataset) -> pl.DataFrame:
    """Read the manifest off the images; what an image does not tell is null."""
    ids = dataset.list_image_ids()
    group_file = attributes_file(dataset.zarr_format)
    array_file = "data/zarr.json" if dataset.zarr_format == 3 else "data/.zarray"
    groups = dataset.get_many(f"images/{image_id}/{group_file}" for image_id in ids)
    arrays = dataset.get_many(f"images/{image_id}/{array_file}" for image_id in ids)
    rows = [
        _row(dataset, image_id, group, array)
        for image_id, group, array in zip(ids, groups, arrays, strict=True)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def save_manifest(dataset: ZarrDataset, manifest: pl.DataFrame) -> None:
    """Write the manifest."""
    with atomic_path(_path(dataset)) as temporary:
        parquet.write(manifest, temporary)


def read_manifest(dataset: ZarrDataset) -> pl.DataFrame | None:
    """Return the manifest as last written, None where there is none that can be read."""
    try:
        return parquet.scan(_path(dataset)).collect()
    except parquet.read_errors():
        return None


def sorted_ids(dataset: ZarrDataset, column: str) -> list[str]:
    """Return the image ids in the order of a manifest column, nulls last.

    Raises:
        UsageError: If it is not a column to sort by.
    """
    if column not in _SORTABLE:
        raise UsageError(f"order_by must be one of {', '.join(_SORTABLE)}, not {column!r}")
    ordered = build_manifest(dataset).sort(column, "image_id", nulls_last=True)
    return ordered["image_id"].to_list()


def _row(
    dataset: ZarrDataset, image_id: str, group: Blob, array: Blob
) -> tuple[str, str | None, str | None, list[int] | None, str | None, list[str] | None]:
    attributes = _told(group, lambda blob: parse_attributes(blob, dataset.zarr_format))
    header = _told(array, decode_object)
    return (
        image_id,
        _text(attributes.get("created_utc")),
        _text(attributes.get("updated_utc")),
        _sizes(header.get("shape")),
        _text(header.get("data_type", header.get("dtype"))),
        _texts(attributes.get("axes")),
    )


def _told(blob: Blob, parse: Callable[[bytes], dict[str, Any]]) -> dict[str, Any]:
    try:
        return parse(blob) if isinstance(blob, bytes) else {}
    except ValueError:
        return {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _sizes(value: object) -> list[int] | None:
    if not isinstance(value, list):
        return None
    sizes = [size for size in value if type(size) is int and 0 <= size < 1 << 63]
    return sizes if len(sizes) == len(value) else None


def _texts(value: object) -> list[str] | None:
    if not isinstance(value, list):
        return None
    texts = [text for text in map(_text, value) if text is not None]
    return texts if len(texts) == len(value) else None


def _path(dataset: ZarrDataset) -> Path:
    return dataset.path / "index" / "manifest.parquet"
