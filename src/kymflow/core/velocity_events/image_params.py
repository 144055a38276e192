"""The params that an image has of its own: read, changed, compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.detection import trace_stamp
from kymflow.core.artifacts.events import PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.errors import ParamsError
from kymflow.core.kym_dataset.explain import ParamChange, param_changes
from kymflow.core.velocity_events.params import EventParams
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ImageNotFoundError,
)
from kymflow_zarr.store.codecs import parse_json

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord


def get_params(rec: ZarrImageRecord) -> EventParams:
    """Return an image's own params, the defaults where it has none.

    Raises:
        ImageNotFoundError: If there is no such image.
        ArtifactError: If the params can't be used.
    """
    if not rec.exists():
        raise ImageNotFoundError(
            "there is no such image", dataset=str(rec.dataset.path), image_id=rec.image_id
        )
    [own] = own_params(rec.dataset, [rec.image_id])
    if isinstance(own, ArtifactError):
        raise own
    return own or EventParams()


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
    before = get_params(rec)
    after = before.with_changes(changes)
    changed = diff_params(before, after)
    if changed:
        if trace_stamp(f"{rec.path}/analysis") is None:
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


def own_params(
    dataset: ZarrDataset, image_ids: Sequence[str]
) -> Iterator[EventParams | ArtifactError | None]:
    """Yield each image's own params, None where it has none, an error where they can't be used."""
    known: dict[bytes, EventParams | str] = {}
    keys = (f"images/{image_id}/analysis/{PARAMS_ARTIFACT}.json" for image_id in image_ids)
    for image_id, blob in zip(image_ids, dataset.get_many(keys), strict=True):
        if not isinstance(blob, bytes):
            yield _loaded(dataset.record(image_id))
            continue
        if blob not in known:
            known[blob] = _parsed(blob)
        found = known[blob]
        yield found if isinstance(found, EventParams) else _unusable(dataset, image_id, found)


def _parsed(blob: bytes) -> EventParams | str:
    """Return the params that a file holds, or why it holds none."""
    try:
        value: Any = parse_json(blob)
        return EventParams.from_dict(value)
    except ParamsError as error:
        return error.message
    except ValueError as error:
        return str(error)


def _loaded(rec: ZarrImageRecord) -> EventParams | ArtifactError | None:
    """Return the params where they are not read in bulk: gzipped, unreadable, or not there."""
    try:
        return EventParams.from_dict(rec.load_json(PARAMS_ARTIFACT))
    except ArtifactNotFoundError:
        return None
    except ParamsError as error:
        return _unusable(rec.dataset, rec.image_id, error.message)
    except ArtifactError as error:
        return error


def _unusable(dataset: ZarrDataset, image_id: str, why: str) -> ArtifactSchemaError:
    return ArtifactSchemaError(
        f"the params can't be used: {why}; repair the file",
        dataset=str(dataset.path),
        image_id=image_id,
        artifact=PARAMS_ARTIFACT,
    )
