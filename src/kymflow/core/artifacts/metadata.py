"""An image's metadata as people set them: its scale, and the fields of the experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.quantities import as_whole, parse_quantity
from kymflow_zarr.errors import (
    ArtifactSchemaError,
    MetadataNotFoundError,
    UsageError,
)

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

SCALE = ("seconds_per_line", "um_per_pixel")
"""Keys of the scale: s per line, µm per pixel."""
BY_HAND = "set by hand"
"""The ``scale_source`` of a scale that a person set."""
KEPT = "set_by_hand"
"""Where the metadata keep what people set, by key: an import of changed files leaves it."""


def get_fields(rec: ZarrImageRecord) -> dict[str, str]:
    """Read an image's scale and the fields of the experiment, as texts; empty ones are left out.

    Raises:
        ImageNotFoundError: If there is no such image.
        ArtifactError: If its metadata can't be used.
    """
    return _fields_of(_load(rec), rec)


def set_fields(
    rec: ZarrImageRecord, values: Mapping[str, str], *, dry_run: bool = False
) -> dict[str, tuple[str | None, str | None]]:
    """Set an image's scale, or fields of the experiment.

    Args:
        rec: The image.
        values: Texts by key; an empty text removes the key.
        dry_run: Whether to change nothing, and only say what would change.

    Returns:
        What changed, by key: the text before and after, None where there is none.

    Raises:
        UsageError: If a scale is not a positive number, depth is not a length, branch_order is not
            a whole number, or a key is empty.
        ImageNotFoundError: If there is no such image.
        ArtifactError: If its metadata can't be used.
        ReadOnlyError: If the dataset is open for reading only.
    """
    if dry_run:
        return _changed(rec, values, save=False)
    with rec.lock():
        return _changed(rec, values, save=True)


def _changed(
    rec: ZarrImageRecord, values: Mapping[str, str], *, save: bool
) -> dict[str, tuple[str | None, str | None]]:
    rec.check_exists()
    metadata = _load(rec)
    before = _fields_of(metadata, rec)
    after_metadata = _with_fields(metadata, values, rec)
    after = _fields_of(after_metadata, rec)
    changes = {
        key: (before.get(key), after.get(key))
        for key in values
        if before.get(key) != after.get(key)
    }
    if changes and save:
        rec.save_metadata_payload(after_metadata)
    return changes


def _with_fields(
    metadata: Mapping[str, Any], values: Mapping[str, str], rec: ZarrImageRecord
) -> dict[str, Any]:
    """Put values that a person set into metadata, and keep there that a person did.

    Args:
        metadata: The metadata; it stays as it is.
        values: Texts by key; an empty text removes the key.
        rec: The image, for errors.

    Raises:
        UsageError: As for :func:`set_fields`.
        ArtifactSchemaError: If a section of the metadata is not an object.
    """
    header = dict(section(rec, metadata, "header"))
    experiment = dict(section(rec, metadata, "experiment_metadata"))
    for key, text in values.items():
        if not key.strip():
            raise UsageError("a key of metadata must not be empty")
        if key in SCALE:
            _set_scale(header, key, text)
        elif text:
            experiment[key] = _checked(key, text)
        else:
            experiment.pop(key, None)
    kept = {**section(rec, metadata, KEPT), **values}
    return {**metadata, "header": header, "experiment_metadata": experiment, KEPT: kept}


def _checked(key: str, text: str) -> str:
    """Return a text, unless ``kym_images`` would hold null in its place."""
    column = key.strip().lower()
    if column == "depth" and parse_quantity(text, "length") is None:
        raise UsageError(f"{key} must be a length in µm, or with its unit, not {text!r}")
    if column == "branch_order" and as_whole(text) is None:
        raise UsageError(f"{key} must be a whole number, not {text!r}")
    return text


def _fields_of(metadata: Mapping[str, Any], rec: ZarrImageRecord) -> dict[str, str]:
    scale = stored_scale(section(rec, metadata, "header"))
    known = {"seconds_per_line": scale.seconds_per_line, "um_per_pixel": scale.um_per_pixel}
    fields = {key: repr(value) for key, value in known.items() if value is not None}
    return fields | {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in section(rec, metadata, "experiment_metadata").items()
        if value not in (None, "")
    }


def _set_scale(header: dict[str, Any], key: str, text: str) -> None:
    value: float | None = None
    if text:
        try:
            value = float(text)
        except ValueError as error:
            raise UsageError(f"{key} must be a number above 0, not {text!r}") from error
        if not (math.isfinite(value) and value > 0):
            raise UsageError(f"{key} must be a number above 0, not {text!r}")
    scale = stored_scale(header)
    steps = {"seconds_per_line": scale.seconds_per_line, "um_per_pixel": scale.um_per_pixel}
    steps[key] = value
    header["voxels"] = list(steps.values())
    header["voxels_units"] = ["s", "um"]
    if header.get("physical_size") is not None:  # it would tell the scale where voxels don't
        header["physical_size"] = [
            step * count if step and count else None
            for step, count in zip(steps.values(), scale.shape, strict=True)
        ]
    sources = header.get("scale_source")
    told = dict(sources) if isinstance(sources, dict) else {}
    header["scale_source"] = {**told, key: BY_HAND}


def _load(rec: ZarrImageRecord) -> dict[str, Any]:
    try:
        return rec.load_metadata_payload()
    except MetadataNotFoundError:
        return {}


def section(rec: ZarrImageRecord, metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return a section of an image's metadata, empty if there is none.

    Raises:
        ArtifactSchemaError: If it is not an object.
    """
    found = metadata.get(name) or {}
    if isinstance(found, dict):
        return found
    raise ArtifactSchemaError(
        f"{name!r} is a {type(found).__name__}, not an object; repair the metadata",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact="metadata",
    )
