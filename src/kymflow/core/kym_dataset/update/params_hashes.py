"""Hashes of the params of many images: one that can't be read fails alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.core.errors import InvalidIndexerError, ParamsError
from kymflow.core.kym_dataset.indexers.base import (
    BulkHasher,
    Indexer,
    ParamsHashes,
    image_errors,
)
from kymflow.core.workers.job import do_each

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def hash_params(dataset: ZarrDataset, indexer: Indexer, image_ids: Sequence[str]) -> ParamsHashes:
    """Hash the params of many images, in bulk where the indexer can.

    Raises:
        InvalidIndexerError: If the indexer returns something that is not a hash.
    """
    if isinstance(indexer, BulkHasher):
        answer = _hash_in_bulk(dataset, indexer, image_ids, _failures(indexer))
    else:
        answer = _hash_one_by_one(dataset, indexer, image_ids)
    if len(answer.hashes) != len(image_ids):
        raise InvalidIndexerError(
            f"indexer {indexer.name!r} answered {len(answer.hashes)} hashes for "
            f"{len(image_ids)} images; params_hashes must answer one per image, in order"
        )
    return answer


def _failures(indexer: Indexer) -> tuple[type[Exception], ...]:
    return (*image_errors(indexer), ParamsError)


def _hash_in_bulk(
    dataset: ZarrDataset,
    indexer: BulkHasher,
    image_ids: Sequence[str],
    failures: tuple[type[Exception], ...],
) -> ParamsHashes:
    """Hash many images at once; where one can't be, in halves until it is found."""
    try:
        return indexer.params_hashes(dataset, image_ids)
    except failures as error:
        if len(image_ids) < 2:
            return ParamsHashes([None], {image_ids[0]: error})
    except Exception as error:
        error.add_note(f"while hashing the params of image_ids {image_ids[0]} … {image_ids[-1]}")
        raise
    middle = len(image_ids) // 2
    first, second = (
        _hash_in_bulk(dataset, indexer, half, failures)
        for half in (image_ids[:middle], image_ids[middle:])
    )
    return ParamsHashes(
        [*first.hashes, *second.hashes],
        {**first.errors, **second.errors},
        {**first.texts, **second.texts},
        [
            *(first.contents or [None] * len(first.hashes)),
            *(second.contents or [None] * len(second.hashes)),
        ],
    )


def _hash_one_by_one(
    dataset: ZarrDataset, indexer: Indexer, image_ids: Sequence[str]
) -> ParamsHashes:
    def hash_of(image_id: str) -> str:
        value: object = indexer.params_hash(dataset.record(image_id))
        if isinstance(value, str) and value:
            return value
        raise InvalidIndexerError(
            f"indexer {indexer.name!r} returned {value!r} for a params_hash; it must be a text"
        )

    found, errors = do_each(
        hash_of,
        zip(image_ids, image_ids, strict=True),
        "hashing the params of image_id",
        failures=_failures(indexer),
    )
    return ParamsHashes([found.get(image_id) for image_id in image_ids], errors)
