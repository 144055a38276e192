"""One update between its decision and its report: take over, extract, commit, count."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from kymflow.core.kym_dataset.conflicts import affected_images, conflicting_columns
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PARAMS
from kymflow.core.kym_dataset.update.commit import commit
from kymflow.core.kym_dataset.update.decide import Mode
from kymflow.core.kym_dataset.update.extract import EXTRACTION, FATAL, Job, Task, failed_runs, plan
from kymflow.core.kym_dataset.update.race import Race
from kymflow.core.kym_dataset.update.recovery import DeadRuns, runs_are_left
from kymflow.core.kym_dataset.update.report import UpdateReport
from kymflow.core.kym_dataset.update.staging import Part, Staging
from kymflow.core.kym_dataset.update.survey import Survey
from kymflow.core.workers.isolated import can_be_sent
from kymflow.core.workers.pool import Pool, run
from kymflow.core.workers.progress import Failure, Progress, ProgressCallback
from kymflow_zarr.errors import TableSchemaError
from kymflow_zarr.store import parquet


class Update:
    """The work that one decision asks for.

    Args:
        job: The dataset and the indexer.
        survey: What the dataset holds.
        decision: What is due and why.
        ledger: The table's ledger.
        table: The table's name.

    Attributes:
        errors: The error of each image that could not be indexed, so far.
    """

    def __init__(
        self, job: Job, survey: Survey, decision: pl.DataFrame, ledger: Ledger, table: str
    ) -> None:
        self.job = job
        self.survey = survey
        self.decision = decision
        self.ledger = ledger
        self.table = table
        self.errors: dict[str, Exception] = dict(survey.errors)
        self.updated = 0
        self.resumed = 0

    def run(
        self,
        *,
        stop_at_failure: bool,
        progress: ProgressCallback | None,
        pool: Pool | None,
        race: Race,
    ) -> None:
        """Extract what is due, on a pool or here, and commit it."""
        due = self.survey.current.join(
            self.decision.filter(pl.col("action") == "update"),
            on="image_id",
            how="semi",
            maintain_order="left",
        ).drop_nulls("params_hash")
        gone = [*self._pruned(), *self._forgotten()]
        if due.is_empty() and not gone and not self.errors and self._is_settled():
            return
        tell = progress or (lambda step: None)
        dataset = self.job.dataset
        with Staging(dataset, self.table, self.job.maker) as staging:
            with DeadRuns(dataset, staging) as dead:
                with staging.reading():
                    parts = dead.take_over(due)
                    standing = dead.record_committed(self._unrecorded()) if dead else []
                    self.resumed = sum(_images_in(part) for part in parts)
                    left = _without(due, parts)
                self.updated += self.resumed
                self._tell(tell, due)
                tasks = self._tasks(left, staging, dead, pool)
                for batch in run(EXTRACTION, tasks, pool):
                    parts += [batch.part] if batch.part else []
                    self.updated += batch.n_ok
                    self.errors.update(batch.errors)
                    self._tell(tell, due)
                    if batch.errors and stop_at_failure:
                        break
                with staging.reading():
                    parts.sort(key=lambda part: part.rows.name)  # they came as they were done
                    parts = self._fitting(staging, parts, gone)
                    standing += self._stage_failures(staging)
                tell(Progress("commit", 0, self.updated))
                with staging.reading():
                    commit(
                        dataset,
                        self.table,
                        self.ledger,
                        staging,
                        race,
                        parts=parts,
                        gone=gone,
                        standing=standing,
                        note=f"{self.job.indexer.name} {self.job.analysis_version}",
                    )
                tell(Progress("commit", self.updated, self.updated))
                if self.survey.whole:
                    dead.clear()
            staging.clear()

    def _tasks(
        self, due: pl.DataFrame, staging: Staging, dead: DeadRuns, pool: Pool | None
    ) -> Iterator[Task]:
        """Cut what is due into batches; those that may be fatal are marked, where that helps."""
        if not can_be_sent(self.job.indexer):
            return plan(self.job, due, staging, pool)
        suspects, culprits = dead.suspects(), self._culprits()
        return plan(self.job, due, staging, pool, suspects=suspects, culprits=culprits)

    def _culprits(self) -> set[str]:
        """Return the images that killed the process which tried them last."""
        if self.decision.filter(pl.col("reason") == "failed").is_empty():
            return set()
        runs = self.ledger.load("image_id", "error")
        return set(runs.filter(pl.col("error").str.starts_with(FATAL))["image_id"])

    def report(self, mode: Mode, seconds: float) -> UpdateReport:
        """Return what was done."""
        counts = dict(self.decision.group_by("reason").len().sort("reason").iter_rows())
        actions = dict(self.decision.group_by("action").len().iter_rows())
        rows = self.job.dataset.tables.count(self.table)
        return UpdateReport(
            indexer=self.job.indexer.name,
            mode=mode,
            table=self.table,
            updated=self.updated,
            skipped=actions.get("skip", 0),
            missing=counts.get("missing", 0),
            pruned=actions.get("prune", 0),
            failed=len(self.errors),
            resumed=self.resumed,
            rows=rows,
            reasons=counts,
            failures=tuple(Failure.of(image_id, e) for image_id, e in sorted(self.errors.items())),
            seconds=seconds,
        )

    def _pruned(self) -> list[str | None]:
        return self.decision.filter(pl.col("action") == "prune")["image_id"].to_list()

    def _forgotten(self) -> list[str]:
        """Return images that only the ledger still knows: deleted ones that had no rows."""
        if not self.survey.whole:
            return []
        runs = self.ledger.load("image_id")
        return runs.join(self.decision, on="image_id", how="anti")["image_id"].to_list()

    def _unrecorded(self) -> pl.DataFrame:
        """Return the images with right rows whose last run is not in the ledger."""
        fresh = self.decision.filter(pl.col("reason") == "fresh").select("image_id")
        runs = self.ledger.load("image_id", "params_hash", "analysis_version", "status")
        known = runs.filter(
            pl.col("status") == "ok", pl.col("analysis_version") == self.job.analysis_version
        )
        keys = ["image_id", "params_hash"]
        return fresh.join(self.survey.current, on="image_id").join(known, on=keys, how="anti")

    def _fitting(
        self, staging: Staging, parts: Sequence[Part], gone: Sequence[str | None]
    ) -> list[Part]:
        """Return the parts less the images whose columns don't fit those of other rows."""
        rows = [parquet.scan(part.rows) for part in parts]
        tables = self.job.dataset.tables
        table = tables.scan(self.table) if tables.exists(self.table) else None
        odd = conflicting_columns(rows, table)
        if table is not None and any(odd) and not self._rows_stay(parts, gone):
            again = conflicting_columns(rows)
            # An image that is left out keeps its old rows, and then these decide after all.
            if not self._have_rows(affected_images(rows, again)):
                odd = again
        return [
            self._without_odd(staging, part, columns) if columns else part
            for part, columns in zip(parts, odd, strict=True)
        ]

    def _rows_stay(self, parts: Sequence[Part], gone: Sequence[str | None]) -> bool:
        """Tell whether any of the table's rows is there after the commit."""
        old = self.decision.filter(pl.col("n_rows") > 0, ~pl.col("image_id").is_in(gone))
        return not self.survey.whole or not _without(old, parts).is_empty()

    def _have_rows(self, image_ids: set[str]) -> bool:
        """Tell whether any of these images has rows in the table."""
        return not self.decision.filter(
            pl.col("n_rows") > 0, pl.col("image_id").is_in(list(image_ids))
        ).is_empty()

    def _without_odd(self, staging: Staging, part: Part, columns: Mapping[str, str]) -> Part:
        fitting = staging.next_part()
        out = part.copy_to(fitting, columns)
        self.updated -= len(out)
        self.errors.update((image_id, self._odd(image_id, why)) for image_id, why in out.items())
        return fitting

    def _odd(self, image_id: str, why: str) -> TableSchemaError:
        return TableSchemaError(
            f"{why}, which have no common type; cast it, or make the whole table again with "
            f'mode="replace"',
            dataset=str(self.job.dataset.path),
            image_id=image_id,
        )

    def _stage_failures(self, staging: Staging) -> list[Part]:
        if not self.errors:
            return []
        part = staging.ledger_only_part()
        failed = failed_runs(self.job, self.survey.current, self.errors)
        part.write_runs(failed, pl.DataFrame(schema=PARAMS))
        return [part]

    def _is_settled(self) -> bool:
        """Tell whether there is a table, and no run that was killed to be made up for."""
        dataset = self.job.dataset
        return dataset.tables.exists(self.table) and not runs_are_left(dataset, self.table)

    def _tell(self, tell: ProgressCallback, due: pl.DataFrame) -> None:
        done = self.updated + len(self.errors) - len(self.survey.errors)
        tell(Progress("extract", done, due.height))


def _without(due: pl.DataFrame, parts: Sequence[Part]) -> pl.DataFrame:
    if not parts:
        return due
    staged = parquet.scan_many([part.runs for part in parts]).select("image_id").collect()
    return due.join(staged, on="image_id", how="anti", maintain_order="left")


def _images_in(part: Part) -> int:
    return int(parquet.scan(part.runs).select(pl.len()).collect().item())
