"""KymDataset: keeps one table per indexer up to date, and answers SQL over them."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.artifacts.image_names import find_image
from kymflow.core.artifacts.provenance import stable_json_dumps
from kymflow.core.errors import CodeChangedWarning, InvalidIndexerError, ParamsError, check_choice
from kymflow.core.kym_dataset.explain import Explanation, explain
from kymflow.core.kym_dataset.indexers.base import Indexer, check_can_travel, table_name
from kymflow.core.kym_dataset.ledger import DECISIVE, Ledger
from kymflow.core.kym_dataset.overview import show_tables
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
from kymflow_zarr.errors import ArtifactError, ImageNotFoundError, UsageError
from kymflow_zarr.sql.queryable import Queryable
from kymflow_zarr.store.names import check_image_id

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr import ZarrDataset, ZarrImageRecord
    from kymflow_zarr.sql.views import Views
    from kymflow_zarr.tables.types import AsOf

log = logging.getLogger(__name__)


class KymDataset(Queryable):
    """The tables of a Zarr dataset of kymographs.

    SQL sees every table by its name, the last run of each image as ``<table>_runs``, and the
    params behind the rows' hashes as ``<table>_params``: as JSON, and each key as a column. The
    events that count are ``kym_events``, the traces searched for them ``kym_analysed``.

    ``len()`` counts the images, iterating yields a handle on each, and ``lab["image-id"]`` is one.

    Args:
        dataset: The dataset; opened for writing if tables are to be updated.

    Attributes:
        dataset: The dataset.
        last_update_stats: The report of the last ``update_index``, None before the first.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self.dataset = dataset
        self.last_update_stats: UpdateReport | None = None

    def __repr__(self) -> str:
        images = len(self.dataset)
        tables = ", ".join(self.dataset.tables.names()) or "none yet"
        many = "1 image" if images == 1 else f"{images:,} images"
        return f"<KymDataset {str(self.dataset.path)!r}: {many}; tables: {tables}>"

    def _repr_html_(self) -> str:
        return show_tables(self.dataset, self.staleness)

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[ZarrImageRecord]:
        return iter(self.dataset)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.dataset

    def __getitem__(self, image: str) -> ZarrImageRecord:
        """Return an image by its id or its file, see :func:`find_image`."""
        return self.dataset[find_image(self.dataset, image, abbreviated=False)]

    def update_index(
        self,
        indexer: Indexer,
        *,
        mode: Mode = "replace",
        image_ids: Iterable[str] | None = None,
        on_error: OnError = "raise",
        progress: ProgressCallback | None = None,
        workers: int | None = None,
        executor: Executor | None = None,
        verify: bool = False,
        changed: bool = False,
    ) -> UpdateReport:
        """Bring an indexer's table up to date.

        Args:
            indexer: Turns one image's artifacts into rows.
            mode: ``"replace"`` makes all rows again; ``"incremental"`` only those that are stale,
                see :meth:`staleness`.
            image_ids: Touch these images only; every image if None.
            on_error: What to do when an image's artifact is missing, unreadable or of the wrong
                schema. ``"record"`` finishes all other images and lists the failures in the
                report and the ledger; ``"raise"`` commits what was done before and raises. The
                failed image's old rows stand either way.
            progress: Called with a :class:`Progress` after each step.
            workers: Extract in this many local processes; in this one if None. It pays where
                an image costs milliseconds; see docs/scale.md.
            executor: Extract on this ``concurrent.futures.Executor`` instead, such as Dask's
                ``Client.get_executor()``. Its workers must reach the dataset's folder; see
                docs/scale.md.
            verify: Read every file behind the rows, whatever its times say, and ask the rows
                themselves, whatever the ledger says.
            changed: Look only at the images that the dataset's journal names as written to since
                this indexer's last update; at all where the journal does not reach back to that,
                or the version or the table is another. What other programs wrote is found by the
                next update of all images. Only with ``mode="incremental"``.

        Returns:
            What was done; also kept in ``last_update_stats``.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            NoJournalError: With ``changed``, if the dataset keeps no journal.
            UsageError: If ``changed`` is given with what it does not go with.
            InvalidIndexerError: If the indexer's name or verbs are not as they must be.
            ImageNotFoundError: If an image asked for is neither in the dataset nor in the table.
            ArtifactError: With ``on_error="raise"``, the first failure.
            TableSchemaError: If a column's type can't be reconciled with the table's.
            IndexerOutputError: If the indexer returns rows that can't be stored.
            WorkerError: If an executor is lost; what was staged before is kept. With
                ``on_error="raise"``, also if an image kills the process that extracts it.

        Warns:
            CodeChangedWarning: If rows that are kept were made by other code of the same version.
        """
        started = time.perf_counter()
        table = table_name(indexer)
        check_choice("mode", mode, "replace", "incremental")
        check_choice("on_error", on_error, "raise", "record")
        self.dataset.check_writable(f"update table {table!r}")
        if workers is not None or executor is not None:
            check_can_travel(indexer)
        job = Job(self.dataset, indexer, _version(indexer), code_fingerprint(indexer))
        ledger = Ledger(self.dataset, table)
        notes = NotedImages(self.dataset, indexer, job.analysis_version, ledger)
        if changed:
            if mode != "incremental" or image_ids is not None or verify:
                raise UsageError("`changed` goes with no other choice of images, mode or `verify`")
            image_ids = notes.changed()
        asked = None if image_ids is None else sorted({check_image_id(i) for i in image_ids})
        race = Race(self.dataset.tables, ledger, asked)
        table_decided = self.dataset.tables.version(table)
        past = self._past(ledger, table, race.before, asked)
        survey = take_survey(
            self.dataset, indexer, past, asked, progress, verify=verify, noted=changed
        )
        decision = self._decide(survey, job, race.before, mode, verify=verify)
        if survey.baseline and self.dataset.tables.exists(table):
            log.info("table %s: noted for the first time what its rows are made of", table)
        if mode == "incremental":
            _warn_of_changed_code(job, race.before)
        images = ImageRun("extract", on_error, progress, errors={**survey.errors})
        images.raise_first()
        work = Update(job, survey, decision, ledger, race, table_decided, images)
        with worker_pool(workers, executor) as pool:
            work.run(pool)
        report = work.report(mode, time.perf_counter() - started)
        self.last_update_stats = report
        log.info(report.summary)
        images.raise_first()
        if survey.whole or survey.noted:
            notes.done()
        return report

    def staleness(
        self,
        indexer: Indexer,
        *,
        image_ids: Iterable[str] | None = None,
        mode: Mode = "incremental",
        verify: bool = False,
    ) -> pl.DataFrame:
        """Say what an update would do, and why; nothing is changed.

        Args:
            indexer: The indexer.
            image_ids: Only these images; all if None.
            mode: Of the update that would follow.
            verify: As for :meth:`update_index`.

        Returns:
            Frame (image_id str, action ``skip``/``update``/``prune``, reason str, n_rows int64),
            a row for every image known to the dataset or the table, sorted by image_id.

        Warns:
            CodeChangedWarning: If rows that are fresh were made by other code of the same version.
        """
        table = table_name(indexer)
        ledger = Ledger(self.dataset, table)
        runs = ledger.load(*DECISIVE)
        job = Job(self.dataset, indexer, _version(indexer), code_fingerprint(indexer))
        past = self._past(ledger, table, runs)
        survey = take_survey(self.dataset, indexer, past, image_ids, verify=verify)
        decision = self._decide(survey, job, runs, mode, verify=verify)
        _warn_of_changed_code(job, runs)
        told = tell_older(decision, indexer, self.dataset)
        known = told.filter(pl.col("action") != "forget").sort("image_id")
        return known.select("image_id", "action", "reason", "n_rows")

    def explain(self, indexer: Indexer, image_id: str) -> Explanation:
        """Say why one image is fresh or stale, down to the params keys that changed.

        Args:
            indexer: The indexer.
            image_id: The image.

        Raises:
            ImageNotFoundError: If the image is neither in the dataset nor in the table.
        """
        table = table_name(indexer)
        ledger = Ledger(self.dataset, table)
        version = _version(indexer)
        runs = ledger.load().filter(pl.col("image_id") == image_id)
        past = self._past(ledger, table, ledger.load())
        survey = take_survey(self.dataset, indexer, past, [image_id])
        job = Job(self.dataset, indexer, version, None)
        decision = self._decide(survey, job, runs, "incremental")
        verdict = tell_older(decision, indexer, self.dataset).row(0, named=True)
        rows = pl.DataFrame(schema={"params_hash": pl.String, "analysis_version": pl.String})
        if verdict["n_rows"]:
            of_image = self.dataset.scan_table(table).filter(pl.col("image_id") == image_id)
            with self.dataset.tables.reading(table):
                rows = of_image.select("params_hash", "analysis_version").unique().collect()
        error = survey.errors.get(image_id)
        present = not survey.absent
        params = self._params(indexer, image_id) if present and error is None else ...
        texts = dict(ledger.load_params().iter_rows())
        return explain(verdict, rows, runs, texts, version, params, str(error) if error else None)

    def diff(self, indexer: Indexer | str, before: AsOf, after: AsOf = None) -> pl.DataFrame:
        """Tell which images are otherwise in one version of a table than in another, and why.

        See :func:`kymflow.core.kym_dataset.diff.diff`.
        """
        from kymflow.core.kym_dataset.diff import diff

        table = indexer if isinstance(indexer, str) else table_name(indexer)
        return diff(self, table, before, after)

    def query(self, name: str, /, **params: object) -> pl.DataFrame:
        """Run a named query; :mod:`kymflow.core.queries.library` lists them.

        Args:
            name: Of the query, such as ``"event_rate"``.
            **params: Values for some of its parameters; the others have their defaults.

        Returns:
            The answer, its columns as the query's ``output`` says.

        Raises:
            UsageError: If there is no such query or parameter, or a value does not fit.
            TableNotFoundError: If a table that it reads was not built yet.
            QueryError: If it can't be answered.
        """
        from kymflow.core.queries.library import run

        return run(self.dataset, name, params)

    @property
    def _folder(self) -> Path:
        return self.dataset.path

    def _views(self) -> Views:
        from kymflow.core.queries.views import kym_views

        return kym_views(self.dataset)

    def _past(
        self, ledger: Ledger, table: str, runs: pl.DataFrame, of: Sequence[str] | None = None
    ) -> Past:
        """Find what is on record of a table, as far as it can be relied on.

        Where it is not on record of the table as it is now, as after an edit by another tool or a
        kill, it is of those images whose rows are still the same.
        """
        seen = ledger.load_seen(of)
        if seen is None or ledger.is_for_table(ledger.seen):
            return Past(runs, seen)
        prints = prints_of_table(self.dataset.tables, table)
        both = seen.join(prints, on="image_id", how="left", suffix="_now", maintain_order="left")
        now = pl.col("rows_print_now").fill_null(NO_ROWS)
        return Past(runs, both.filter(pl.col("rows_print") == now).drop("rows_print_now"))

    def _decide(
        self,
        survey: Survey,
        job: Job,
        runs: pl.DataFrame,
        mode: Mode,
        *,
        verify: bool = False,
    ) -> pl.DataFrame:
        tables, table = self.dataset.tables, table_name(job.indexer)
        decision = decide(survey, tables, table, runs, job.analysis_version, mode, verify=verify)
        known = decision.filter(pl.col("action") != "forget")
        unknown = sorted(set(survey.absent) - set(known["image_id"])) if survey.absent else []
        if unknown and not survey.noted:
            raise ImageNotFoundError(
                f"no image of this id, and no rows of it: {', '.join(unknown[:5])}",
                dataset=str(self.dataset.path),
                image_id=unknown[0],
            )
        return decision

    def _params(self, indexer: Indexer, image_id: str) -> object:
        read = getattr(indexer, "params", None)
        if not callable(read):
            return ...
        try:
            return json.loads(stable_json_dumps(read(self.dataset.record(image_id))))
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
            stacklevel=3,
        )
