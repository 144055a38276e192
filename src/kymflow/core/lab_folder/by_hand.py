"""What people set by hand in metadata, held against what the image's files gave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.metadata import Changes, differing_fields, unset_fields
from kymflow.core.lab_folder.base import load_base
from kymflow.core.lab_folder.source import Source
from kymflow_zarr.errors import MetadataNotFoundError, UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord


def unset(
    rec: ZarrImageRecord,
    keys: Iterable[str] | None = None,
    *,
    by: str | None = None,
    dry_run: bool = False,
) -> Changes:
    """Take back what was set by hand, so that what the image's files gave stands again.

    Args:
        rec: The image.
        keys: Which keys; all that were set by hand if None.
        by: Who takes it back, for the history.
        dry_run: Whether to change nothing, and only say what would change.

    Returns:
        What changed, by key: the text before and after, None where there is none.

    Raises:
        UsageError: If a key was not set by hand, or it is not on record what the files gave.
        ImageNotFoundError: If there is no such image.
        ArtifactError: If its metadata can't be used.
        ReadOnlyError: If the dataset is open for reading only.
    """
    return unset_fields(rec, keys, _of_files(rec), by=by, dry_run=dry_run)


def differences(rec: ZarrImageRecord) -> Changes:
    """Tell where an image's metadata differ from what its files gave; nothing is changed.

    Returns:
        By key: the text that the files gave and the one that stands, None where there is none.

    Raises:
        UsageError: If it is not on record what the files gave.
        ArtifactError: If its metadata can't be used.
    """
    return differing_fields(rec, _of_files(rec))


def _of_files(rec: ZarrImageRecord) -> Mapping[str, Any]:
    """Return the metadata as the image's files gave them; empty for an image of no files."""
    rec.check_exists()
    try:
        source = Source.of(rec.load_metadata_payload())
    except MetadataNotFoundError:
        return {}
    if source is None:
        return {}
    base = load_base(rec, source.base)
    if base is None:
        raise UsageError(
            "it is not on record what its files gave; `kymflow import FOLDER DATASET --changed` "
            "records that",
            image_id=rec.image_id,
        )
    return base.metadata
