"""One update between its decision and its report: take over, extract, commit, count."""

from __future__ import annotations

from concurrent.futures import Executor

import polars as pl

from kymflow.core.kym_dataset.commit import commit
from kymflow.core.kym_dataset.decide import Mode
from kymflow.core.kym_dataset.executors import run_in_order
from kymflow.core.kym_dataset.extract import Job, StagedBatch, extract, failed_runs, plan
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.report import Failure, Progress, ProgressCallback, UpdateReport
from kymflow.core.kym_dataset.staging import Part, Staging
from kymflow.core.kym_dataset.survey import Survey
from kymflow_zarr import parquet


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
        executor: Executor | None,
    ) -> None:
        """Extract what is due and commit it."""
        due = self.survey.current.join(
            self.decision.filter(pl.col("action") == "update"),
            on="image_id",
            how="semi",
            maintain_order="left",
        ).drop_nulls("params_hash")
        gone = [*self._pruned(), *self._forgotten()]
        exists = self.job.dataset.tables.exists(self.table)
        if due.is_empty() and not gone and not self.errors and exists:
            return
        with Staging(
            self.job.dataset, self.table, self.job.analysis_version, self.job.code_hash
        ) as staging:
            parts = self._take_over(staging, due)
            due = _without(due, parts)
            self._tell(progress, due)
            tasks = plan(self.job, due, staging)
            for batch in run_in_order(extract, tasks, executor):
                parts.append(batch.part)
                self._count(batch)
                self._tell(progress, due)
                if batch.errors and stop_at_failure:
                    break
            if progress:
                progress(Progress("commit", 0, self.updated))
            commit(
                self.job.dataset,
                self.table,
                self.ledger,
                staging,
                parts=parts,
                gone=gone,
                failed=failed_runs(self.job, self.survey.current, self.errors),
            )
            if progress:
                progress(Progress("commit", self.updated, self.updated))

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
            failures=tuple(Failure.of(image_id, e) for image_id, e in self.errors.items()),
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

    def _take_over(self, staging: Staging, due: pl.DataFrame) -> list[Part]:
        parts = staging.take_over(due)
        self.resumed = sum(_images_in(part) for part in parts)
        self.updated += self.resumed
        return parts

    def _count(self, batch: StagedBatch) -> None:
        self.updated += batch.n_ok
        self.errors.update(batch.errors)

    def _tell(self, progress: ProgressCallback | None, due: pl.DataFrame) -> None:
        if progress:
            done = self.updated + len(self.errors) - len(self.survey.errors)
            progress(Progress("extract", done, due.height + self.resumed))


def _without(due: pl.DataFrame, parts: list[Part]) -> pl.DataFrame:
    for part in parts:
        staged = parquet.scan(part.runs).select("image_id").collect()
        due = due.join(staged, on="image_id", how="anti", maintain_order="left")
    return due


def _images_in(part: Part) -> int:
    return int(parquet.scan(part.runs).select(pl.len()).collect().item())
