"""Updates of one table and what precedes them, as ``KymDataset`` offers them to people."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

import polars as pl

from kymflow.core.artifacts.provenance import stable_json_dumps
from kymflow.core.errors import CodeChangedWarning, InvalidIndexerError, ParamsError, check_choice
from kymflow.core.kym_dataset.explain import Explanation, explain
from kymflow.core.kym_dataset.indexers.base import Indexer, check_can_travel, table_name
from kymflow.core.kym_dataset.ledger import DECISIVE, Ledger
from kymflow.core.kym_dataset.update.decide import Mode, decide, tell_older
from kymflow.core.kym_dataset.update.extract import Job
from kymflow.core.kym_dataset.update.fingerprint import code_fingerprint
from kymflow.core.kym_dataset.update.noted import NotedImages
from kymflow.core.kym_dataset.update.pipeline import Update
from kymflow.core.kym_dataset.update.prints import NO_ROWS, prints_of_table
from kymflow.core.kym_dataset.update.race import Race
from kymflow.core.kym_dataset.update.report import UpdateReport
from kymflow.core.kym_dataset.update.survey import Past, Survey, take_survey
from kymflow.core.workers.job import ImageRun, OnError
from kymflow.core.workers.pool import worker_pool
from kymflow.core.workers.progress import ProgressCallback
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import ArtifactError, ImageNotFoundError, UsageError
from kymflow_zarr.store.names import check_image_id

log = logging.getLogger(__name__)


def update_table(
    dataset: ZarrDataset,
    indexer: Indexer,
    told: Callable[[UpdateReport], None],
    *,
    mode: Mode,
    image_ids: Iterable[str] | None,
    on_error: OnError,
    progress: ProgressCallback | None,
    workers: int | None,
    executor: Executor | None,
    verify: bool,
    changed: bool,
) -> UpdateReport:
    """Bring an indexer's table up to date, see ``KymDataset.update_index``.

    ``told`` is called with the report, also where the first failure is raised afterwards.
    """
    started = time.perf_counter()
    table = table_name(indexer)
    check_choice("mode", mode, "replace", "incremental")
    check_choice("on_error", on_error, "raise", "record")
    dataset.check_writable(f"update table {table!r}")
    if workers is not None or executor is not None:
        check_can_travel(indexer)
    job = Job(dataset, indexer, _version(indexer), code_fingerprint(indexer))
    ledger = Ledger(dataset, table)
    notes = NotedImages(dataset, indexer, job.analysis_version, ledger)
    if changed:
        if mode != "incremental" or image_ids is not None or verify:
            raise UsageError("`changed` goes with no other choice of images, mode or `verify`")
        image_ids = notes.changed()
    asked = None if image_ids is None else sorted({check_image_id(i) for i in image_ids})
    race = Race(dataset.tables, ledger, asked)
    table_decided = dataset.tables.version(table)
    past = _past(dataset, ledger, table, race.before, asked)
    survey = take_survey(dataset, indexer, past, asked, progress, verify=verify, noted=changed)
    decision = _decide(dataset, survey, job, race.before, mode, verify=verify)
    if survey.baseline and dataset.tables.exists(table):
        log.info("table %s: noted for the first time what its rows are made of", table)
    if mode == "incremental":
        _warn_of_changed_code(job, race.before)
    images = ImageRun("extract", on_error, progress, errors={**survey.errors})
    images.raise_first()
    work = Update(job, survey, decision, ledger, race, table_decided, images)
    with worker_pool(workers, executor) as pool:
        work.run(pool)
    report = work.report(mode, time.perf_counter() - started)
    told(report)
    log.info(report.summary)
    images.raise_first()
    if survey.whole or survey.noted:
        notes.done()
    return report


def find_stale(
    dataset: ZarrDataset,
    indexer: Indexer,
    *,
    image_ids: Iterable[str] | None,
    mode: Mode,
    verify: bool,
) -> pl.DataFrame:
    """Say what an update would do, and why, see ``KymDataset.staleness``."""
    table = table_name(indexer)
    ledger = Ledger(dataset, table)
    runs = ledger.load(*DECISIVE)
    job = Job(dataset, indexer, _version(indexer), code_fingerprint(indexer))
    past = _past(dataset, ledger, table, runs)
    survey = take_survey(dataset, indexer, past, image_ids, verify=verify)
    decision = _decide(dataset, survey, job, runs, mode, verify=verify)
    _warn_of_changed_code(job, runs)
    told = tell_older(decision, indexer, dataset)
    known = told.filter(pl.col("action") != "forget").sort("image_id")
    return known.select("image_id", "action", "reason", "n_rows")


def explain_image(dataset: ZarrDataset, indexer: Indexer, image_id: str) -> Explanation:
    """Say why one image is fresh or stale, see ``KymDataset.explain``."""
    table = table_name(indexer)
    ledger = Ledger(dataset, table)
    version = _version(indexer)
    known = ledger.load()
    runs = known.filter(pl.col("image_id") == image_id)
    past = _past(dataset, ledger, table, known)
    survey = take_survey(dataset, indexer, past, [image_id])
    job = Job(dataset, indexer, version, None)
    decision = _decide(dataset, survey, job, runs, "incremental")
    verdict = tell_older(decision, indexer, dataset).row(0, named=True)
    rows = pl.DataFrame(schema={"params_hash": pl.String, "analysis_version": pl.String})
    if verdict["n_rows"]:
        of_image = dataset.scan_table(table).filter(pl.col("image_id") == image_id)
        with dataset.tables.reading(table):
            rows = of_image.select("params_hash", "analysis_version").unique().collect()
    error = survey.errors.get(image_id)
    present = not survey.absent
    params = _params(dataset, indexer, image_id) if present and error is None else ...
    texts = dict(ledger.load_params().iter_rows())
    return explain(verdict, rows, runs, texts, version, params, str(error) if error else None)


def _past(
    dataset: ZarrDataset,
    ledger: Ledger,
    table: str,
    runs: pl.DataFrame,
    of: Sequence[str] | None = None,
) -> Past:
    """Find what is on record of a table, as far as it can be relied on.

    Where it is not on record of the table as it is now, as after an edit by another tool or a
    kill, it is of those images whose rows are still the same.
    """
    seen = ledger.load_seen(of)
    if seen is None or ledger.is_for_table(ledger.seen):
        return Past(runs, seen)
    prints = prints_of_table(dataset.tables, table)
    both = seen.join(prints, on="image_id", how="left", suffix="_now", maintain_order="left")
    now = pl.col("rows_print_now").fill_null(NO_ROWS)
    return Past(runs, both.filter(pl.col("rows_print") == now).drop("rows_print_now"))


def _decide(
    dataset: ZarrDataset,
    survey: Survey,
    job: Job,
    runs: pl.DataFrame,
    mode: Mode,
    *,
    verify: bool = False,
) -> pl.DataFrame:
    tables, table = dataset.tables, table_name(job.indexer)
    decision = decide(survey, tables, table, runs, job.analysis_version, mode, verify=verify)
    known = decision.filter(pl.col("action") != "forget")
    unknown = sorted(set(survey.absent) - set(known["image_id"])) if survey.absent else []
    if unknown and not survey.noted:
        raise ImageNotFoundError(
            f"no image of this id, and no rows of it: {', '.join(unknown[:5])}",
            dataset=str(dataset.path),
            image_id=unknown[0],
        )
    return decision


def _params(dataset: ZarrDataset, indexer: Indexer, image_id: str) -> object:
    read = getattr(indexer, "params", None)
    if not callable(read):
        return ...
    try:
        return json.loads(stable_json_dumps(read(dataset.record(image_id))))
    except (ArtifactError, ParamsError, NotImplementedError):
        return ...


def _version(indexer: Indexer) -> str:
    version = indexer.analysis_version()
    if isinstance(version, str) and version:
        return version
    raise InvalidIndexerError(
        f"indexer {indexer.name!r} returned {version!r} for its analysis_version; "
        f"it must be a text that is not empty"
    )


def _warn_of_changed_code(job: Job, runs: pl.DataFrame) -> None:
    if job.code_hash is None:
        return
    stale = runs.filter(
        pl.col("status") == "ok",
        pl.col("analysis_version") == job.analysis_version,
        pl.col("code_hash") != job.code_hash,
    ).height
    if stale:
        warnings.warn(
            f"indexer {job.indexer.name!r}: code changed, version did not: {stale} images were "
            f"indexed by other code at {job.analysis_version!r}. Raise its analysis_version to "
            f'have them made again, or run mode="replace" once',
            CodeChangedWarning,
            stacklevel=4,
        )
