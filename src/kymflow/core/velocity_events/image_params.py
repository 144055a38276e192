"""The params that an image has of its own: read, changed, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.detection import TRACE_FILES, find_file
from kymflow.core.artifacts.events import PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.artifacts.provenance import text_hash
from kymflow.core.errors import ParamsError
from kymflow.core.kym_dataset.explain import ParamChange, param_changes
from kymflow.core.kym_dataset.indexers.artifact import Blob
from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
from kymflow.core.velocity_events.params import EventParams
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ArtifactSchemaError,
)

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store


def get_params(rec: ZarrImageRecord) -> EventParams:
    """Return an image's own params, the defaults where it has none.

    Raises:
        ImageNotFoundError: If there is no such image.
        ArtifactError: If the params can't be used.
    """
    rec.check_exists()
    [own] = own_params(rec.dataset, [rec.image_id])
    if isinstance(own.params, ArtifactError):
        raise own.params
    return own.params or EventParams()


def set_params(rec: ZarrImageRecord, changes: Mapping[str, Any]) -> list[ParamChange]:
    """Change some of an image's params; its events are those of the old ones until detected again.

    Args:
        rec: The image.
        changes: Values by key; a dot leads into a group: ``{"nan_gap.enter_frac": 0.5}``.

    Returns:
        What changed.

    Raises:
        ParamsError: If a key is unknown, or a value is not in its range.
        ArtifactNotFoundError: If the image has no trace, so that there is nothing to detect.
        ArtifactError: If the image's params can't be used.
        ReadOnlyError: If the dataset is open for reading only.
    """
    rec.dataset.check_writable("set params")
    with rec.lock():
        return _set_locked(rec, changes)


def _set_locked(rec: ZarrImageRecord, changes: Mapping[str, Any]) -> list[ParamChange]:
    before = get_params(rec)
    after = before.with_changes(changes)
    changed = diff_params(before, after)
    if changed:
        if find_file(f"{rec.path}/analysis", TRACE_FILES) is None:
            raise ArtifactNotFoundError(
                "it has no trace, so there is nothing to detect with these params",
                dataset=str(rec.dataset.path),
                image_id=rec.image_id,
                artifact=TRACE_ARTIFACT,
            )
        rec.save_json(PARAMS_ARTIFACT, after.to_dict())
    return changed


def diff_params(before: EventParams, after: EventParams) -> list[ParamChange]:
    """Return the keys in which two params differ, sorted."""
    return list(param_changes(before.to_dict(), after.to_dict()))


@dataclass(frozen=True, slots=True)
class OwnParams:
    """The params that an image has of its own.

    Attributes:
        params: The params; None where it has none, the error where they can't be used.
        indexed_as: The hash that the index knows them by; None where it can't be told.
    """

    params: EventParams | ArtifactError | None
    indexed_as: str | None


def own_params(dataset: Store, image_ids: Sequence[str]) -> Iterator[OwnParams]:
    """Yield the params that each of many images has of its own, each file read once."""
    indexer = VelocityEventIndexer()
    known: dict[bytes, OwnParams] = {}
    for image_id, blob in zip(image_ids, indexer.read_blobs(dataset, image_ids), strict=True):
        found = known.get(blob) if isinstance(blob, bytes) else None
        if found is None:
            found = _own(indexer, ZarrImageRecord(dataset, image_id), blob)
        if isinstance(blob, bytes) and not isinstance(found.params, ArtifactError):
            known[blob] = found
        yield found


def _own(indexer: VelocityEventIndexer, rec: ZarrImageRecord, blob: Blob) -> OwnParams:
    try:
        text = indexer.canonical(rec, blob)
    except ArtifactError as error:
        return OwnParams(error, None)
    params: EventParams | ArtifactError | None = None
    if blob is not None:
        try:
            params = EventParams.from_dict(json.loads(text))
        except ParamsError as error:
            params = _unusable(rec, error.message)
    return OwnParams(params, text_hash(text))


def _unusable(rec: ZarrImageRecord, why: str) -> ArtifactSchemaError:
    return ArtifactSchemaError(
        f"the params can't be used: {why}; repair the file",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact=PARAMS_ARTIFACT,
    )
