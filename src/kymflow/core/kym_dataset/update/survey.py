"""Step 1, survey: list the images and hash the params each is to be made with now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.errors import InvalidIndexerError, ParamsError
from kymflow.core.kym_dataset.indexers.base import BulkHasher, Indexer, ParamsHashes
from kymflow.core.workers.job import do_each
from kymflow.core.workers.progress import Progress, ProgressCallback
from kymflow_zarr.errors import ArtifactError
from kymflow_zarr.store.names import check_image_id

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

CHUNK = 10_000
KEPT = 64 << 20
"""Characters of params kept: those of kym_images, which differ by image, take 1 kB each."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the dataset holds now.

    Attributes:
        current: Frame (image_id, params_hash); the hash is null where params can't be read.
        errors: The error of each such image.
        absent: Images asked for that are not in the dataset.
        whole: Whether every image of the dataset was surveyed.
        texts: The canonical params JSON behind hashes, so that no later step reads it again; of
            those that came first, where all together are too much to keep.
    """

    current: pl.DataFrame
    errors: Mapping[str, Exception]
    absent: tuple[str, ...]
    whole: bool
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> pl.DataFrame:
        """Frame (image_id) of the images surveyed, those that are absent too."""
        absent = pl.DataFrame({"image_id": self.absent}, {"image_id": pl.String})
        return pl.concat([self.current.select("image_id"), absent])


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
    texts: dict[str, str] = {}
    room = KEPT
    for start in range(0, len(present), CHUNK):
        answer = _hash_chunk(dataset, indexer, present[start : start + CHUNK])
        hashes.extend(answer.hashes)
        errors.update(answer.errors)
        new = {key: text for key, text in answer.texts.items() if key not in texts}
        room -= sum(map(len, new.values()))
        if room > 0:
            texts.update(new)
        if progress:
            progress(Progress("survey", len(hashes), len(present)))
    current = pl.DataFrame(
        {"image_id": present, "params_hash": hashes},
        schema={"image_id": pl.String, "params_hash": pl.String},
    )
    return Survey(current, errors, tuple(absent), whole=image_ids is None, texts=texts)


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
        failures=(ArtifactError, ParamsError),
    )
    return ParamsHashes([found.get(image_id) for image_id in image_ids], errors)
