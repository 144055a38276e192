"""An image's metadata as people set them: its scale, and the fields of the experiment."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.metadata_history import (
    load_history,
    record_change,
    taken_back,
    undoable,
)
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
Changes = dict[str, tuple[str | None, str | None]]
"""What changes, by key: the text before and after, None where there is none."""
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
    rec: ZarrImageRecord,
    values: Mapping[str, str],
    *,
    by: str | None = None,
    dry_run: bool = False,
) -> Changes:
    """Set an image's scale, or fields of the experiment.

    Args:
        rec: The image.
        values: Texts by key; an empty text removes the key.
        by: Who sets them, for the history.
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
    return _save_changed(
        rec, lambda metadata: _with_fields(metadata, values, rec), by=by, dry_run=dry_run
    )


def unset_fields(
    rec: ZarrImageRecord,
    keys: Iterable[str] | None,
    of_files: Mapping[str, Any],
    *,
    by: str | None = None,
    dry_run: bool = False,
) -> Changes:
    """Take back what was set by hand, so that what the image's files say stands again.

    Args:
        rec: The image.
        keys: Which keys; all that were set by hand if None.
        of_files: The metadata as its files gave them.
        by: As for :func:`set_fields`.
        dry_run: As for :func:`set_fields`.

    Returns:
        As :func:`set_fields`.

    Raises:
        UsageError: If a key was not set by hand.
        ImageNotFoundError: If there is no such image.
        ArtifactError: If its metadata can't be used.
        ReadOnlyError: If the dataset is open for reading only.
    """

    def back(metadata: dict[str, Any]) -> dict[str, Any]:
        kept = dict(section(rec, metadata, KEPT))
        asked = list(kept) if keys is None else list(keys)
        for key in asked:
            if key not in kept:
                known = ", ".join(kept) or "nothing"
                raise UsageError(
                    f"{key!r} was not set by hand; set was: {known}", image_id=rec.image_id
                )
        header = dict(section(rec, metadata, "header"))
        experiment = dict(section(rec, metadata, "experiment_metadata"))
        told = section(rec, of_files, "experiment_metadata")
        for key in asked:
            del kept[key]
            if key in SCALE:
                _restore_scale(header, key, section(rec, of_files, "header"))
            elif key in told:
                experiment[key] = told[key]
            else:
                experiment.pop(key, None)
        if not kept.keys() & set(SCALE) and "header" in of_files:
            header = dict(section(rec, of_files, "header"))
        after = {**metadata, "header": header, "experiment_metadata": experiment, KEPT: kept}
        return after if kept else {n: v for n, v in after.items() if n != KEPT}

    return _save_changed(rec, back, by=by, dry_run=dry_run)


def undo_fields(
    rec: ZarrImageRecord, *, by: str | None = None, dry_run: bool = False
) -> Changes | None:
    """Take back the last change of an image's metadata that still stands.

    Args:
        rec: The image.
        by: As for :func:`set_fields`.
        dry_run: As for :func:`set_fields`.

    Returns:
        As :func:`set_fields`; None if there is nothing to take back.

    Raises:
        UsageError: If the keys were changed since by other means.
        ImageNotFoundError: If there is no such image.
        ArtifactError: If its metadata or their history can't be used.
        ReadOnlyError: If the dataset is open for reading only.
    """
    with nullcontext() if dry_run else rec.lock():
        rec.check_exists()
        entries, metadata = load_history(rec), _load(rec)
        number = undoable(entries, metadata)
        if number is None:
            return None
        after = taken_back(metadata, entries[number], rec.image_id)
        return _save(rec, metadata, after, by=by, undoes=number, dry_run=dry_run)


def differing_fields(rec: ZarrImageRecord, of_files: Mapping[str, Any]) -> Changes:
    """Tell where an image's fields differ from what its files gave.

    Args:
        rec: The image.
        of_files: The metadata as its files gave them.

    Returns:
        By key: the text that the files gave and the one that stands, None where there is none.
    """
    theirs, now = _fields_of(of_files, rec), _fields_of(_load(rec), rec)
    return {
        key: (theirs.get(key), now.get(key))
        for key in sorted({*theirs, *now})
        if theirs.get(key) != now.get(key)
    }


def _save_changed(
    rec: ZarrImageRecord,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    *,
    by: str | None,
    dry_run: bool,
) -> Changes:
    with nullcontext() if dry_run else rec.lock():
        rec.check_exists()
        metadata = _load(rec)
        return _save(rec, metadata, change(metadata), by=by, dry_run=dry_run)


def _save(
    rec: ZarrImageRecord,
    metadata: Mapping[str, Any],
    changed: Mapping[str, Any],
    *,
    by: str | None,
    dry_run: bool,
    undoes: int | None = None,
) -> Changes:
    """Write the history, then the metadata; the caller holds the image's lock."""
    before, after = (_fields_of(each, rec) for each in (metadata, changed))
    texts = {
        key: (before.get(key), after.get(key))
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    }
    if changed != metadata and not dry_run:
        record_change(rec, metadata, changed, texts, by, undoes)
        rec.save_metadata_payload(dict(changed))
    return texts


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


def _restore_scale(header: dict[str, Any], key: str, of_files: Mapping[str, Any]) -> None:
    """Put back the scale of the files, and where they have it from."""
    value = getattr(stored_scale(of_files), key)
    _set_scale(header, key, "" if value is None else repr(value))
    sources = of_files.get("scale_source")
    told = sources.get(key) if isinstance(sources, dict) else None
    header["scale_source"] = {**header["scale_source"], key: told}


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
