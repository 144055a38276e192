"""Step 3, extract: turn due images into staged parts, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.errors import IndexerOutputError, ParamsError
from kymflow.core.kym_dataset.indexer_base import BulkExtractor, ExtractedBatch, Indexer
from kymflow.core.kym_dataset.provenance import stable_json_dumps, text_hash
from kymflow.core.kym_dataset.schemas import PARAMS, PROVENANCE, RUNS
from kymflow.core.kym_dataset.staging import Part, Staging
from kymflow_zarr.dtypes import stack
from kymflow_zarr.errors import ArtifactError, UsageError
from kymflow_zarr.frames import as_polars, storable

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A batch written to disk.

    Attributes:
        part: Where it lies.
        n_ok: Images whose rows it holds, zero rows included.
        errors: The error of each image that could not be read.
    """

    part: Part
    n_ok: int
    errors: Mapping[str, Exception]


@dataclass(frozen=True, slots=True)
class Job:
    """What a batch is extracted with."""

    dataset: ZarrDataset
    indexer: Indexer
    analysis_version: str
    code_hash: str | None


def extract(job: Job, due: pl.DataFrame, staging: Staging) -> Iterator[StagedBatch]:
    """Extract due images into staged parts.

    Args:
        job: The dataset and the indexer.
        due: Frame (image_id, params_hash) of the images to compute.
        staging: Where to put the parts.

    Yields:
        One batch after another, each on disk.

    Raises:
        IndexerOutputError: If the indexer returns rows that can't go into the table.
        Exception: Whatever else the indexer raises, with the image noted on it.
    """
    known: set[str] = set()
    for batch in due.iter_slices(BATCH):
        image_ids = batch["image_id"].to_list()
        extracted = _extract_batch(job, image_ids)
        good = batch.filter(~pl.col("image_id").is_in(list(extracted.errors)))
        rows = _with_provenance(job, extracted.rows, good)
        part = staging.next_part()
        part.write(rows, _runs(job, good, rows), _params(job, good, known))
        yield StagedBatch(part, good.height, extracted.errors)


def failed_runs(job: Job, current: pl.DataFrame, errors: Mapping[str, Exception]) -> pl.DataFrame:
    """Return the ledger rows of images that could not be indexed.

    Args:
        job: The dataset and the indexer.
        current: Frame (image_id, params_hash) that includes the images.
        errors: The error of each failed image.
    """
    text = [f"{getattr(error, 'message', error)}" for error in errors.values()]
    failed = pl.DataFrame(
        {"image_id": list(errors), "error": text},
        schema={"image_id": pl.String, "error": pl.String},
    ).join(current, on="image_id", how="left")
    return _stamped(job, failed, status="failed")


def _extract_batch(job: Job, image_ids: Sequence[str]) -> ExtractedBatch:
    if isinstance(job.indexer, BulkExtractor):
        try:
            return job.indexer.extract_batch(job.dataset, image_ids)
        except Exception as error:
            error.add_note(f"while extracting image_ids {image_ids[0]} … {image_ids[-1]}")
            raise
    return _extract_one_by_one(job, image_ids)


def _extract_one_by_one(job: Job, image_ids: Sequence[str]) -> ExtractedBatch:
    frames: list[pl.DataFrame] = []
    errors: dict[str, Exception] = {}
    for image_id in image_ids:
        try:
            rows = as_polars(job.indexer.extract_rows(job.dataset.record(image_id)))
        except ArtifactError as error:
            errors[image_id] = error
            continue
        except Exception as error:
            error.add_note(f"while extracting image_id {image_id}")
            raise
        frames.append(rows.with_columns(pl.lit(image_id, dtype=pl.String).alias("image_id")))
    try:
        return ExtractedBatch(stack(frames or [pl.DataFrame(schema=PROVENANCE)]), errors)
    except UsageError as error:
        raise IndexerOutputError(
            f"indexer {job.indexer.name!r}: {error.message}", dataset=str(job.dataset.path)
        ) from error


def _with_provenance(job: Job, rows: pl.DataFrame, good: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in the order of their images, with the engine's provenance columns."""
    if "image_id" not in rows.columns:
        raise IndexerOutputError(
            f"indexer {job.indexer.name!r} returned a batch without image_id; "
            f"extract_batch must say which image each row is of",
            dataset=str(job.dataset.path),
        )
    if rows["image_id"].dtype != pl.String:
        rows = rows.with_columns(pl.col("image_id").cast(pl.String))
    own = rows.drop("analysis_version", "params_hash", strict=False)
    placed = good.join(own, on="image_id", how="inner", maintain_order="left_right")
    if placed.height != own.height:
        stray = own.join(good, on="image_id", how="anti")["image_id"][0]
        raise IndexerOutputError(
            f"indexer {job.indexer.name!r} returned rows of an image it was not asked for",
            dataset=str(job.dataset.path),
            image_id=stray,
        )
    columns = [name for name in own.columns if name != "image_id"]
    ordered = placed.select(
        "image_id",
        *columns,
        pl.lit(job.analysis_version).alias("analysis_version"),
        "params_hash",
    )
    try:
        return storable(ordered)
    except UsageError as error:
        raise IndexerOutputError(
            f"indexer {job.indexer.name!r} returned rows that can't be stored: {error.message}",
            dataset=str(job.dataset.path),
        ) from error


def _runs(job: Job, good: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    counts = rows.group_by("image_id").agg(n_rows=pl.len().cast(pl.Int64))
    runs = good.join(counts, on="image_id", how="left", maintain_order="left")
    return _stamped(job, runs.with_columns(pl.col("n_rows").fill_null(0)), status="ok")


def _stamped(job: Job, runs: pl.DataFrame, *, status: str) -> pl.DataFrame:
    stamped = runs.with_columns(
        analysis_version=pl.lit(job.analysis_version),
        status=pl.lit(status),
        indexed_at=pl.lit(datetime.now(UTC)).cast(RUNS["indexed_at"]),
        code_hash=pl.lit(job.code_hash, dtype=pl.String),
    )
    return stamped.select(
        pl.col(name) if name in stamped.columns else pl.lit(None, dtype).alias(name)
        for name, dtype in RUNS.items()
    )


def _params(job: Job, good: pl.DataFrame, known: set[str]) -> pl.DataFrame:
    """Return the params JSON behind each hash of a batch that is not known yet.

    One image stands for all of its hash. Params that changed since the survey are left out: the
    next update finds the image stale and records them.
    """
    found: dict[str, str] = {}
    read = getattr(job.indexer, "params", None)
    if callable(read):
        for image_id, params_hash in good.unique("params_hash").iter_rows():
            if params_hash in known:
                continue
            known.add(params_hash)
            try:
                text = stable_json_dumps(read(job.dataset.record(image_id)))
            except (ArtifactError, ParamsError, NotImplementedError):
                continue
            if text_hash(text) == params_hash:
                found[params_hash] = text
    return pl.DataFrame({"params_hash": list(found), "params": list(found.values())}, PARAMS)
