"""Step 3, extract: turn due images into staged parts, batch by batch."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import polars as pl

from kymflow.core.artifacts.provenance import stable_json_dumps, text_hash
from kymflow.core.errors import IndexerOutputError, ParamsError
from kymflow.core.kym_dataset.conflicts import fitted, stored
from kymflow.core.kym_dataset.indexers.base import (
    BulkExtractor,
    DueImages,
    ExtractedBatch,
    Indexer,
    image_errors,
)
from kymflow.core.kym_dataset.schemas import PARAMS, RUNS
from kymflow.core.kym_dataset.update.evidence import RowsWatch, watched
from kymflow.core.kym_dataset.update.staging import Made, Part, StagedPart, Staging
from kymflow.core.workers.job import BatchJob, BatchResult, do_each
from kymflow.core.workers.pool import Pool, batch_size
from kymflow.core.workers.progress import Failure
from kymflow.core.workers.work import that_travels
from kymflow_zarr.errors import DatasetError, UsageError
from kymflow_zarr.frames import as_polars, stack, storable

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

BATCH = 2_000
FATAL = (
    "whoever extracts it dies of it, for lack of memory or by a fault of a library; repair its "
    "artifacts, or delete them"
)


@dataclass(frozen=True, slots=True)
class Job:
    """What a batch is extracted with, and when the update began, before its survey."""

    dataset: ZarrDataset
    indexer: Indexer
    analysis_version: str
    code_hash: str | None
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def maker(self) -> dict[str, str | None]:
        """What tells rows made alike from others."""
        return {"analysis_version": self.analysis_version, "code_hash": self.code_hash}


@dataclass(frozen=True, slots=True)
class Task:
    """One batch to extract and stage: all that a worker needs to know.

    Attributes:
        job: What to extract it with.
        due: Frame (image_id, params_hash, params, is_new) of its images. Their canonical params
            JSON is null where it was not kept; the first image of the update with its params is
            new.
        part: Where to put it.
        is_suspect: Whether it may kill the process that extracts it.
    """

    job: Job
    due: pl.DataFrame
    part: Part
    is_suspect: bool = False

    @property
    def dataset(self) -> ZarrDataset:
        """The dataset of its images."""
        return self.job.dataset

    @property
    def names(self) -> list[str]:
        """The ids of its images."""
        return self.due["image_id"].to_list()

    def halves(self) -> list[Self]:
        """Return it cut in two; nothing if it is one image."""
        half = self.due.height // 2
        dues = (self.due[:half], self.due[half:]) if half else ()
        return [replace(self, due=due, part=self.part.half(n)) for n, due in enumerate(dues)]

    def __reduce__(self) -> tuple[object, ...]:
        packed = io.BytesIO()
        self.due.write_ipc(packed, compression="zstd")  # a fifth of what a pickled frame takes
        return _unpacked, (self.job, packed.getvalue(), self.part, self.is_suspect)


def _unpacked(job: Job, due: bytes, part: Part, is_suspect: bool) -> Task:
    return Task(job, pl.read_ipc(due), part, is_suspect)


def plan(
    job: Job,
    due: pl.DataFrame,
    staging: Staging,
    pool: Pool | None,
    *,
    texts: Mapping[str, str] | None = None,
    suspects: AbstractSet[str] = frozenset(),
    culprits: AbstractSet[str] = frozenset(),
) -> Iterator[Task]:
    """Cut due images into tasks.

    Args:
        job: The dataset and the indexer.
        due: Frame (image_id, params_hash) of the images to compute.
        staging: Where to put the parts.
        pool: Who will do them.
        texts: The canonical params JSON behind hashes, which travels with the task.
        suspects: Images one of which may kill the process that extracts it.
        culprits: Images that did so; each is a batch of its own.

    Yields:
        One task a batch, in the order of the images.
    """
    size = batch_size(due.height, BATCH, pool)
    due = due.select("image_id", "params_hash", is_new=pl.col("params_hash").is_first_distinct())
    for stretch in _stretches(due, culprits):
        fatal = not culprits.isdisjoint(stretch["image_id"][:1])
        for batch in stretch.iter_slices(1 if fatal else size):
            is_suspect = fatal or not suspects.isdisjoint(batch["image_id"])
            params = [(texts or {}).get(params_hash) for params_hash in batch["params_hash"]]
            batch = batch.with_columns(params=pl.Series(params, dtype=pl.String))
            yield Task(job, batch, staging.next_part(), is_suspect)


def _stretches(due: pl.DataFrame, culprits: AbstractSet[str]) -> list[pl.DataFrame]:
    """Cut due images wherever culprits and others meet."""
    if not culprits:
        return [due]
    stretch = pl.col("image_id").is_in(list(culprits)).rle_id().alias("stretch")
    return due.with_columns(stretch).partition_by("stretch", include_key=False)


def extract(task: Task) -> BatchResult[StagedPart]:
    """Extract one batch into its staged part; this runs here or in a worker.

    Raises:
        IndexerOutputError: If the indexer returns rows that can't go into the table.
        Exception: Whatever else the indexer raises, with the image noted on it.
    """
    job, due = task.job, task.due
    with task.part.begun(task.names):
        watch = RowsWatch(job.dataset, watched(job.indexer, job.dataset), task.names)
        extracted = _extract_batch(job, due)
        failed = pl.col("image_id").is_in(list(extracted.errors))
        good = due.filter(~failed).select("image_id", "params_hash")
        rows = _with_provenance(job, extracted.rows, good)
        contents = watch.contents(good["image_id"], extracted.contents)
        runs = _runs(job, good, rows).join(
            contents.with_columns(rows_seen=pl.lit(value=True)),
            on="image_id",
            how="left",
            maintain_order="left",
        )
        task.part.write(rows, runs, _params(job, due.filter("is_new"), extracted.texts))
    return BatchResult(StagedPart(task.part, rows.schema), good.height, extracted.errors)


EXTRACTION = BatchJob(extract, FATAL)


def failed_runs(job: Job, current: pl.DataFrame, errors: Mapping[str, Exception]) -> pl.DataFrame:
    """Return the ledger rows of images that could not be indexed.

    Args:
        job: The dataset and the indexer.
        current: Frame with image_id and params_hash that includes the images.
        errors: The error of each failed image.
    """
    failures = [Failure.of(image_id, error) for image_id, error in errors.items()]
    failed = pl.DataFrame(
        [(failure.image_id, failure.message, failure.code) for failure in failures],
        schema={"image_id": pl.String, "error": pl.String, "code": pl.String},
        orient="row",
    ).join(current.select("image_id", "params_hash"), on="image_id", how="left")
    return _stamped(job, failed, "failed")


def told_by_rows(job: Job, images: pl.DataFrame) -> list[Made]:
    """Return the runs that rows in the table tell of, where no run is on record.

    Args:
        job: The dataset and the indexer.
        images: Frame (image_id, params_hash, n_rows) of images whose rows are fresh.
    """
    if images.is_empty():
        return []
    runs = _stamped(job, images.select("image_id", "params_hash", "n_rows"), "ok")
    unknown = {name: pl.lit(None, RUNS[name]) for name in ("indexed_at", "code_hash")}
    return [Made(runs.with_columns(**unknown), pl.DataFrame(schema=PARAMS))]


def _extract_batch(job: Job, due: pl.DataFrame) -> ExtractedBatch:
    """Return the rows of a batch in the types of tables, each with its image_id."""
    hashes = dict(due.select("image_id", "params_hash").iter_rows())
    texts = dict(due.select("params_hash", "params").drop_nulls().unique().iter_rows())
    image_ids = DueImages(hashes, hashes, texts)
    if isinstance(job.indexer, BulkExtractor):
        batch = _extract_in_bulk(job, job.indexer, image_ids)
    else:
        batch = _extract_one_by_one(job, image_ids)
    rows, odd = stored(batch.rows)
    unstorable = {image_id: _unstorable(job, image_id, why) for image_id, why in odd.items()}
    return replace(batch, rows=rows, errors={**batch.errors, **unstorable})


def _extract_in_bulk(job: Job, indexer: BulkExtractor, image_ids: DueImages) -> ExtractedBatch:
    """Extract many images at once; where one can't be, in halves until it is found."""
    try:
        batch = indexer.extract_batch(job.dataset, image_ids)
    except image_errors(job.indexer) as error:
        if len(image_ids) < 2:
            none = pl.DataFrame(schema={"image_id": pl.String})
            return ExtractedBatch(none, {image_ids[0]: _of_image(error)})
    except Exception as error:
        error.add_note(f"while extracting image_ids {image_ids[0]} … {image_ids[-1]}")
        raise
    else:
        return replace(batch, rows=_with_image_ids(job, batch.rows))
    middle = len(image_ids) // 2
    halves = (image_ids.without(image_ids[middle:]), image_ids.without(image_ids[:middle]))
    first, second = (_extract_in_bulk(job, indexer, half) for half in halves)
    stacked = _stacked(job, [first.rows, second.rows], {**first.errors, **second.errors})
    return replace(
        stacked,
        contents={**first.contents, **second.contents},
        texts={**first.texts, **second.texts},
    )


def _extract_one_by_one(job: Job, image_ids: Sequence[str]) -> ExtractedBatch:
    def rows_of(image_id: str) -> pl.DataFrame:
        rows = as_polars(job.indexer.extract_rows(job.dataset.record(image_id)))
        own = rows.with_columns(pl.lit(image_id, dtype=pl.String).alias("image_id"))
        try:
            return storable(own.drop("analysis_version", "params_hash", strict=False))
        except UsageError as error:
            raise _unstorable(job, image_id, error.message) from error

    frames, errors = do_each(
        rows_of,
        zip(image_ids, image_ids, strict=True),
        "extracting image_id",
        failures=(*image_errors(job.indexer), IndexerOutputError),
    )
    none = pl.DataFrame(schema={"image_id": pl.String})
    failed = {image_id: _of_image(error) for image_id, error in errors.items()}
    return _stacked(job, list(frames.values()) or [none], failed)


def _stacked(
    job: Job, frames: Sequence[pl.DataFrame], errors: Mapping[str, Exception]
) -> ExtractedBatch:
    """Put rows under one another; images whose columns don't fit the others' failed."""
    try:
        return ExtractedBatch(stack(frames), errors)
    except UsageError:
        rest, out = fitted(frames)
    unfit = {image_id: _unstorable(job, image_id, why) for image_id, why in out.items()}
    return ExtractedBatch(stack(rest), {**errors, **unfit})


def _with_image_ids(job: Job, rows: pl.DataFrame) -> pl.DataFrame:
    if "image_id" not in rows.columns:
        raise IndexerOutputError(
            f"indexer {job.indexer.name!r} returned a batch without image_id; "
            f"extract_batch must say which image each row is of",
            dataset=str(job.dataset.path),
        )
    return rows.with_columns(pl.col("image_id").cast(pl.String))


def _of_image(error: Exception) -> Exception:
    """Return the error of one image, fit to be sent from a worker."""
    return error if isinstance(error, DatasetError) else that_travels(error)


def _unstorable(job: Job, image_id: str, why: str) -> IndexerOutputError:
    return IndexerOutputError(
        f"its rows can't be stored: {why}", dataset=str(job.dataset.path), image_id=image_id
    )


def _with_provenance(job: Job, rows: pl.DataFrame, good: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in the order of their images, with the engine's provenance columns."""
    own = rows.drop("analysis_version", "params_hash", strict=False)
    placed = good.join(own, on="image_id", how="inner", maintain_order="left_right")
    if placed.height != own.height:
        stray = own.join(good, on="image_id", how="anti")["image_id"][0]
        raise IndexerOutputError(
            f"indexer {job.indexer.name!r} returned rows of an image it was not asked for",
            dataset=str(job.dataset.path),
            image_id=stray,
        )
    return placed.select(
        "image_id",
        pl.all().exclude("image_id", "params_hash"),
        pl.lit(job.analysis_version).alias("analysis_version"),
        "params_hash",
    )


def _runs(job: Job, good: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    counts = rows.group_by("image_id").agg(n_rows=pl.len().cast(pl.Int64))
    runs = good.join(counts, on="image_id", how="left", maintain_order="left")
    return _stamped(job, runs.with_columns(pl.col("n_rows").fill_null(0)), "ok")


def _stamped(job: Job, runs: pl.DataFrame, status: str) -> pl.DataFrame:
    stamped = runs.with_columns(
        analysis_version=pl.lit(job.analysis_version),
        status=pl.lit(status),
        indexed_at=pl.lit(job.began).cast(RUNS["indexed_at"]),
        code_hash=pl.lit(job.code_hash, dtype=pl.String),
    )
    return stamped.select(
        pl.col(name) if name in stamped.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in RUNS.items()
    )


def _params(job: Job, new: pl.DataFrame, texts: Mapping[str, str]) -> pl.DataFrame:
    """Return the params JSON behind each new hash.

    Params that neither the survey nor the extraction kept are read again. Those that changed since
    the survey are left out: the next update finds the image stale and records them.
    """
    found: dict[str, str] = {}
    for image_id, params_hash, kept in new.select("image_id", "params_hash", "params").iter_rows():
        text = kept or texts.get(image_id) or _read_params(job, image_id)
        if text is not None and text_hash(text) == params_hash:
            found[params_hash] = text
    return pl.DataFrame({"params_hash": list(found), "params": list(found.values())}, PARAMS)


def _read_params(job: Job, image_id: str) -> str | None:
    read = getattr(job.indexer, "params", None)
    unreadable: tuple[type[Exception], ...] = (
        *image_errors(job.indexer),
        ParamsError,
        NotImplementedError,
    )
    try:
        return stable_json_dumps(read(job.dataset.record(image_id))) if callable(read) else None
    except unreadable:
        return None
