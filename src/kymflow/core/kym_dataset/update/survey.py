"""Step 1, survey: list the images, and what the rows of each would be made of now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.kym_dataset.indexers.base import (
    Indexer,
    ParamsHashes,
    WatchedFiles,
)
from kymflow.core.kym_dataset.schemas import SEEN
from kymflow.core.kym_dataset.update.evidence import (
    ABSENT,
    contents_frame,
    hash_rows,
    look,
    only_at_rest,
    same_signature,
    watched,
)
from kymflow.core.kym_dataset.update.params_hashes import hash_params
from kymflow.core.workers.progress import Progress, ProgressCallback
from kymflow_zarr.errors import WriteError
from kymflow_zarr.store import layout
from kymflow_zarr.store.names import check_image_id
from kymflow_zarr.store.stamps import clock_ns

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

CHUNK = 10_000
KEPT = 64 << 20
"""Characters of params kept: those of kym_images, which differ by image, take 1 kB each."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What the dataset holds now.

    Attributes:
        current: Frame (image_id, params_hash, rows_changed); the hash is null where params can't
            be read; rows_changed says that the rows file is not the one the rows were made of.
        seen: Frame in the schema ``SEEN``: what the rows would be made of. The content of a rows
            file is null where there was no need to read it.
        refreshed: Frame (image_id) of the images whose rows are made of what is still there, but
            whose entry would not show that without reading.
        baseline: Whether nothing was kept yet of what rows were made of, so that what is there
            now counts as that.
        files: The files behind the rows; None if the indexer does not say.
        errors: The error of each such image.
        absent: Images asked for that are not in the dataset.
        whole: Whether every image of the dataset was surveyed.
        noted: Whether it is of the images that the journal names, some of which may be gone.
        texts: The canonical params JSON behind hashes, so that no later step reads it again; of
            those that came first, where all together are too much to keep.
    """

    current: pl.DataFrame
    seen: pl.DataFrame
    refreshed: pl.DataFrame
    baseline: bool
    files: WatchedFiles | None
    errors: Mapping[str, Exception]
    absent: tuple[str, ...]
    whole: bool
    texts: Mapping[str, str] = field(default_factory=dict)
    noted: bool = False

    @property
    def is_watched(self) -> bool:
        """Whether the indexer says of what files its rows are made."""
        return self.files is not None

    @property
    def asked(self) -> pl.DataFrame:
        """Frame (image_id) of the images surveyed, those that are absent too."""
        absent = pl.DataFrame({"image_id": self.absent}, {"image_id": pl.String})
        return pl.concat([self.current.select("image_id"), absent])


def take_survey(
    dataset: ZarrDataset,
    indexer: Indexer,
    past: Past,
    image_ids: Iterable[str] | None = None,
    progress: ProgressCallback | None = None,
    *,
    verify: bool = False,
    noted: bool = False,
) -> Survey:
    """Survey a dataset for one indexer.

    Args:
        dataset: The dataset.
        indexer: Whose params to hash.
        past: What is on record of the last update.
        image_ids: Only these images; all if None.
        progress: Told of each chunk of images.
        verify: Read and hash every file, whatever its signature says.
        noted: Whether the images are those that the journal names.

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
    look_at = _Looker(dataset, indexer, past, verify)
    chunks: list[_Chunk] = []
    errors: dict[str, Exception] = {}
    texts: dict[str, str] = {}
    room = KEPT
    for start in range(0, len(present), CHUNK):
        chunk, answer = look_at.chunk(present[start : start + CHUNK])
        chunks.append(chunk)
        errors.update(answer.errors)
        new = {key: text for key, text in answer.texts.items() if key not in texts}
        room -= sum(map(len, new.values()))
        if room > 0:
            texts.update(new)
        if progress:
            progress(Progress("survey", min(start + CHUNK, len(present)), len(present)))
    found = pl.concat([_EMPTY, *chunks])
    return Survey(
        current=found.select("image_id", "params_hash", "rows_changed"),
        seen=found.select(SEEN.names()),
        refreshed=found.filter("refreshed").select("image_id"),
        baseline=look_at.baseline,
        files=look_at.files,
        errors=errors,
        absent=tuple(absent),
        whole=image_ids is None,
        texts=texts,
        noted=noted and image_ids is not None,
    )


_Chunk = pl.DataFrame
_EMPTY = pl.DataFrame(schema={**SEEN, "rows_changed": pl.Boolean(), "refreshed": pl.Boolean()})


@dataclass(frozen=True, slots=True)
class Past:
    """What is on record of the last update of a table.

    Attributes:
        runs: The last run of each image, as the ledger has it.
        seen: What each image's rows were made of; None if that was never kept, as by earlier
            releases, or if nothing was ever made. Images whose rows were changed by other means
            are not in it: nothing tells what those are made of.
    """

    runs: pl.DataFrame
    seen: pl.DataFrame | None


class _Looker:
    """Looks at the files behind rows, and reads those that are not as they were seen."""

    def __init__(self, dataset: ZarrDataset, indexer: Indexer, past: Past, verify: bool) -> None:
        self._dataset = dataset
        self._indexer = indexer
        self.files = watched(indexer, dataset)
        self._known = past.seen
        self._verify = verify
        self.baseline = self.files is not None and past.seen is None
        self._unknown = past.seen is not None and self.files is not None
        # Before any signature is taken: a file at rest by then has not changed since.
        self._now = 0 if self.files is None or dataset.read_only else _clock(dataset)

    def chunk(self, image_ids: Sequence[str]) -> tuple[_Chunk, ParamsHashes]:
        """Look at some images."""
        if self.files is None:
            return self._by_params_alone(image_ids)
        looked = look(self._dataset, self.files, image_ids)
        known = pl.DataFrame(schema=SEEN) if self._known is None else self._known
        both = looked.join(known, on="image_id", how="left", suffix="_seen", maintain_order="left")
        both = both.with_columns(
            was_seen=pl.col("params_hash").is_not_null(),
            same_params=_sure(same_signature("params"), self._verify),
            same_rows=_sure(same_signature("rows"), self._verify),
        )
        # The params of an image without a file depend on whether there are rows.
        no_file = pl.col("params_size") == ABSENT[1]
        both = both.with_columns(
            same_params=pl.col("same_params") & (~no_file | pl.col("same_rows"))
        )
        both, answer = self._with_params(both)
        both = self._with_rows(both)
        return self._judged(both), answer

    def _by_params_alone(self, image_ids: Sequence[str]) -> tuple[_Chunk, ParamsHashes]:
        answer = hash_params(self._dataset, self._indexer, image_ids)
        frame = pl.DataFrame(
            {"image_id": image_ids, "params_hash": answer.hashes},
            schema={"image_id": pl.String, "params_hash": pl.String},
        ).with_columns(rows_changed=pl.lit(value=False), refreshed=pl.lit(value=False))
        return pl.concat([_EMPTY, frame], how="diagonal"), answer

    def _with_params(self, both: pl.DataFrame) -> tuple[pl.DataFrame, ParamsHashes]:
        """Read the params that are not as they were seen."""
        unread = both.filter(~pl.col("same_params"))["image_id"].to_list()
        answer = hash_params(self._dataset, self._indexer, unread)
        contents = answer.contents or [None] * len(unread)
        read = pl.DataFrame(
            {"image_id": unread, "hash_now": answer.hashes, "content_now": contents},
            schema={"image_id": pl.String, "hash_now": pl.String, "content_now": pl.Binary},
        )
        both = both.join(read, on="image_id", how="left", maintain_order="left")
        same = pl.col("same_params")
        return both.with_columns(
            params_hash=pl.when(same).then("params_hash").otherwise("hash_now"),
            same_hash=pl.col("was_seen")
            & (same | (pl.col("hash_now") == pl.col("params_hash")).fill_null(value=False)),
            params_content=pl.when(same).then("params_content").otherwise("content_now"),
        ).drop("hash_now", "content_now"), answer

    def _with_rows(self, both: pl.DataFrame) -> pl.DataFrame:
        """Hash the rows files that are not as they were seen, where that can decide anything."""
        assert self.files is not None  # noqa: S101
        wanted = pl.lit(value=True) if self.baseline else pl.col("same_hash")
        unread = both.filter(wanted & ~pl.col("same_rows"))["image_id"].to_list()
        read = contents_frame(hash_rows(self._dataset, self.files, unread))
        read = read.rename({"rows_content": "content_now"}).with_columns(
            was_read=pl.lit(value=True)
        )
        both = both.join(read, on="image_id", how="left", maintain_order="left")
        same = pl.col("same_rows")
        equal = same | (
            pl.col("was_read").fill_null(value=False)
            & pl.col("content_now").eq_missing(pl.col("rows_content"))
        )
        return both.with_columns(
            equal_rows=equal & pl.col("was_seen"),
            rows_content=pl.when(same).then("rows_content").otherwise("content_now"),
        )

    def _judged(self, both: pl.DataFrame) -> _Chunk:
        if self._unknown:
            changed = ~(pl.col("was_seen") & (pl.col("equal_rows") | ~pl.col("same_hash")))
        else:
            changed = pl.lit(value=False)
        settled = pl.col("same_hash") & pl.col("equal_rows")
        judged = both.with_columns(
            rows_changed=changed, stale_entry=~(pl.col("same_params") & pl.col("same_rows"))
        )
        kept = only_at_rest(judged, self._now)
        at_rest = pl.col("params_size").is_not_null() & pl.col("rows_size").is_not_null()
        kept = kept.with_columns(refreshed=settled & pl.col("stale_entry") & at_rest)
        return kept.select(_EMPTY.columns).cast(_EMPTY.schema)


def _sure(same: pl.Expr, verify: bool) -> pl.Expr:
    return pl.lit(value=False) if verify else same


def _clock(dataset: ZarrDataset) -> int:
    try:
        return clock_ns(layout.index(dataset.path))
    except WriteError:
        return 0  # nothing is at rest where nothing can be told
