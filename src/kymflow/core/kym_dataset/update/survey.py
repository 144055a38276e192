"""Step 1, survey: list the images and hash the params each is to be made with now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.errors import InvalidIndexerError, ParamsError
from kymflow.core.kym_dataset.indexers.base import BulkHasher, Indexer, ParamsHashes
from kymflow.core.workers.progress import Progress, ProgressCallback
from kymflow_zarr.errors import ArtifactError
from kymflow_zarr.store.names import check_image_id

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class Survey:
    """What the dataset holds now.

    Attributes:
        current: Frame (image_id, params_hash); the hash is null where params can't be read.
        errors: The error of each such image.
        absent: Images asked for that are not in the dataset.
        whole: Whether every image of the dataset was surveyed.
    """

    current: pl.DataFrame
    errors: Mapping[str, Exception]
    absent: tuple[str, ...]
    whole: bool


def take_survey(
    dataset: ZarrDataset,
    indexer: Indexer,
    image_ids: Iterable[str] | None = None,
    progress: ProgressCallback | None = None,
) -> Survey:
    """Survey a dataset for one indexer.

    Args:
        dataset: The dataset.
        indexer: Whose params to hash.
        image_ids: Only these images; all if None.
        progress: Told of each chunk of images hashed.

    Returns:
        The survey, images in the order of their ids.

    Raises:
        InvalidIndexerError: If the indexer returns something that is not a hash.
        InvalidNameError: If an id can't be one.
    """
    if image_ids is None:
        present, absent = dataset.list_image_ids(), []
    else:
        asked = sorted({check_image_id(image_id) for image_id in image_ids})
        present = [image_id for image_id in asked if dataset.has_image(image_id)]
        absent = sorted(set(asked) - set(present))
    hashes: list[str | None] = []
    errors: dict[str, Exception] = {}
    for start in range(0, len(present), CHUNK):
        answer = _hash_chunk(dataset, indexer, present[start : start + CHUNK])
        hashes.extend(answer.hashes)
        errors.update(answer.errors)
        if progress:
            progress(Progress("survey", len(hashes), len(present)))
    current = pl.DataFrame(
        {"image_id": present, "params_hash": hashes},
        schema={"image_id": pl.String, "params_hash": pl.String},
    )
    return Survey(current, errors, tuple(absent), whole=image_ids is None)


def _hash_chunk(dataset: ZarrDataset, indexer: Indexer, image_ids: Sequence[str]) -> ParamsHashes:
    if isinstance(indexer, BulkHasher):
        answer = indexer.params_hashes(dataset, image_ids)
    else:
        answer = _hash_one_by_one(dataset, indexer, image_ids)
    if len(answer.hashes) != len(image_ids):
        raise InvalidIndexerError(
            f"indexer {indexer.name!r} answered {len(answer.hashes)} hashes for "
            f"{len(image_ids)} images; params_hashes must answer one an image, in order"
        )
    return answer


def _hash_one_by_one(
    dataset: ZarrDataset, indexer: Indexer, image_ids: Sequence[str]
) -> ParamsHashes:
    hashes: list[str | None] = []
    errors: dict[str, Exception] = {}
    for image_id in image_ids:
        try:
            hashes.append(_checked(indexer, indexer.params_hash(dataset.record(image_id))))
        except (ArtifactError, ParamsError) as error:
            hashes.append(None)
            errors[image_id] = error
        except Exception as error:
            error.add_note(f"while hashing the params of image_id {image_id}")
            raise
    return ParamsHashes(hashes, errors)


def _checked(indexer: Indexer, value: object) -> str:
    if isinstance(value, str) and value:
        return value
    raise InvalidIndexerError(
        f"indexer {indexer.name!r} returned {value!r} for a params_hash; it must be a text"
    )
