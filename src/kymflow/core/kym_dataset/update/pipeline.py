"""One update between its decision and its report: take over, extract, commit, count."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from shlex import quote

import polars as pl

from kymflow.core.errors import WorkerError
from kymflow.core.kym_dataset.conflicts import (
    Odd,
    affected_images,
    conflicting_columns,
    fit_together,
    without,
)
from kymflow.core.kym_dataset.indexers.base import table_name
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PARAMS
from kymflow.core.kym_dataset.update.commit import commit
from kymflow.core.kym_dataset.update.decide import Mode
from kymflow.core.kym_dataset.update.extract import (
    EXTRACTION,
    Job,
    Task,
    failed_runs,
    plan,
    told_by_rows,
)
from kymflow.core.kym_dataset.update.race import Race
from kymflow.core.kym_dataset.update.recovery import DeadRuns, runs_are_left
from kymflow.core.kym_dataset.update.report import UpdateReport
from kymflow.core.kym_dataset.update.staging import Made, StagedPart, Staging
from kymflow.core.kym_dataset.update.survey import Survey
from kymflow.core.workers.isolated import can_be_sent
from kymflow.core.workers.job import ImageRun
from kymflow.core.workers.pool import Pool
from kymflow.core.workers.progress import Progress
from kymflow_zarr.errors import TableSchemaError
from kymflow_zarr.store import parquet


class Update:
    """The work that one decision asks for.

    Args:
        job: The dataset and the indexer.
        survey: What the dataset holds.
        decision: What is due and why, see ``decide``.
        ledger: The table's ledger.
        race: What the ledger held when this run began.
        table_decided: The version of the table that was decided by.
        images: Which images are done and which failed, so far.
    """

    def __init__(
        self,
        job: Job,
        survey: Survey,
        decision: pl.DataFrame,
        ledger: Ledger,
        race: Race,
        table_decided: Hashable,
        images: ImageRun,
    ) -> None:
        self.job = job
        self.table = table_name(job.indexer)
        self.survey = survey
        self.decision = decision.filter(pl.col("action") != "forget")
        self.gone = self._gone(decision)
        self.ledger = ledger
        self.race = race
        self.table_decided = table_decided
        self.images = images
        self.resumed = 0
        self.rows: int | None = None  # of the table, once it was written

    def run(self, pool: Pool | None) -> None:
        """Extract what is due, on a pool or here, and commit it."""
        due = self._having("action", "update").drop_nulls("params_hash").sort("image_id")
        images, dataset = self.images, self.job.dataset
        images.total = due.height
        refreshed = self._refreshed()
        unrecorded = self._unrecorded()
        nothing_due = due.is_empty() and not self.gone and not images.errors
        kept = refreshed.is_empty() and unrecorded.is_empty()
        if nothing_due and kept and self._is_settled():
            return
        with Staging(dataset, self.table, self.job.maker) as staging:
            with DeadRuns(dataset, staging) as dead:
                with staging.reading():
                    made = dead.take_over(due, self.survey.files)
                    recorded = dead.record_committed(unrecorded)
                    recorded += told_by_rows(self.job, _without(unrecorded, recorded))
                self.resumed = sum(one.runs.height for one in made)
                images.n_done += self.resumed
                images.tell()
                staged: list[StagedPart] = []
                tasks = self._tasks(_without(due, made), staging, dead, pool)
                for batch in images.over(EXTRACTION, tasks, pool):
                    staged += [batch.value] if batch.value else []
                with staging.reading():
                    staged.sort(key=lambda one: one.part.rows.name)  # they came as they were done
                    made += [one.read() for one in staged]
                    made = self._fitting(staging, made)
                self._tell_commit(0)
                with staging.reading():
                    self.rows = commit(
                        dataset,
                        self.table,
                        self.ledger,
                        staging,
                        self.race,
                        made=[*made, *recorded, *self._failed()],
                        gone=self.gone,
                        survey=self.survey,
                        refreshed=refreshed,
                        doubtful=self._doubtful(),
                        table_decided=self.table_decided,
                        note=f"{self.job.indexer.name} {self.job.analysis_version}",
                    )
                self._tell_commit(images.n_done)
                if self.survey.whole:
                    dead.clear()
            staging.clear()

    def report(self, mode: Mode, seconds: float) -> UpdateReport:
        """Report the update."""
        counts = dict(self.decision.group_by("reason").len().sort("reason").iter_rows())
        actions = dict(self.decision.group_by("action").len().iter_rows())
        rows = self.job.dataset.tables.count(self.table) if self.rows is None else self.rows
        noted = self.survey.asked["image_id"].to_list() if self.survey.noted else []
        return UpdateReport(
            indexer=self.job.indexer.name,
            mode=mode,
            table=self.table,
            updated=self.images.n_done,
            skipped=actions.get("skip", 0),
            missing=counts.get("missing", 0),
            pruned=actions.get("prune", 0),
            failed=len(self.images.errors),
            resumed=self.resumed,
            rows=rows,
            reasons=counts,
            failures=self.images.failures,
            noted=len(noted) if self.survey.noted else None,
            noted_ids=tuple(noted),
            seconds=seconds,
        )

    def _having(self, column: str, value: str) -> pl.DataFrame:
        return self.decision.filter(pl.col(column) == value)

    def _gone(self, decision: pl.DataFrame) -> list[str | None]:
        """Return the deleted images that have rows, or that the ledger still knows."""
        all_known = self.survey.whole or self.survey.noted
        actions = ["prune", "forget"] if all_known else ["prune"]
        return decision.filter(pl.col("action").is_in(actions))["image_id"].to_list()

    def _refreshed(self) -> pl.DataFrame:
        """Find the images whose rows stay, and whose entry of what they were made of does not."""
        standing = self._having("action", "skip").select("image_id")
        if self.survey.baseline:
            return standing
        return self.survey.refreshed.join(standing, on="image_id", how="semi")

    def _unrecorded(self) -> pl.DataFrame:
        """Return the images with right rows whose last run is not in the ledger."""
        return self._having("reason", "fresh").filter(~pl.col("recorded"))

    def _doubtful(self) -> pl.DataFrame:
        """Return the images whose rows may be others than the ledger says, until they are made."""
        doubtful = (pl.col("n_rows") > 0) & (pl.col("reason") != "fresh")
        return self.decision.filter(doubtful)

    def _tasks(
        self, due: pl.DataFrame, staging: Staging, dead: DeadRuns, pool: Pool | None
    ) -> Iterator[Task]:
        """Cut what is due into batches; those that may be fatal are marked, where that helps."""
        texts = self.survey.texts
        if not can_be_sent(self.job.indexer):
            return plan(self.job, due, staging, pool, texts=texts)
        killed = self.race.before.filter(pl.col("code") == WorkerError.code)
        culprits = killed.join(self._having("reason", "failed"), on="image_id", how="semi")
        return plan(
            self.job,
            due,
            staging,
            pool,
            texts=texts,
            suspects=dead.suspects(),
            culprits=set(culprits["image_id"]),
        )

    def _fitting(self, staging: Staging, made: Sequence[Made]) -> list[Made]:
        """Drop the images whose columns conflict with those of other rows."""
        tables = self.job.dataset.tables
        table = tables.scan(self.table) if tables.exists(self.table) else None
        held = [] if table is None else [table.collect_schema()]
        if fit_together([*(one.schema for one in made), *held]):
            return list(made)
        rows = [parquet.scan(one.rows) for one in made if one.rows is not None]
        odd = conflicting_columns(rows, table)
        if table is not None and any(odd):
            odd = self._odd_beside_kept(rows, table, made)
        return [
            self._without_odd(staging, one, part.collect(), columns) if columns else one
            for one, part, columns in zip(made, rows, odd, strict=True)
        ]

    def _odd_beside_kept(
        self, rows: Sequence[pl.LazyFrame], table: pl.LazyFrame, made: Sequence[Made]
    ) -> list[dict[str, Odd]]:
        """Return the odd columns of new rows beside those of the table that stay."""
        # Rows that go bind no type; but an image that is left out keeps its old ones.
        replaced: set[str | None] = {*self.gone}
        replaced.update(image_id for one in made for image_id in one.runs["image_id"])
        while True:
            going = pl.LazyFrame({"image_id": list(replaced)}, {"image_id": pl.String})
            odd = conflicting_columns(
                rows, table.join(going, on="image_id", how="anti", nulls_equal=True)
            )
            kept = self._with_rows(affected_images(rows, odd) & replaced)
            if not kept:
                return odd
            replaced -= kept

    def _with_rows(self, image_ids: AbstractSet[str | None]) -> set[str | None]:
        """Return those of some images that have rows in the table."""
        known = pl.col("image_id").is_in([i for i in image_ids if i is not None])
        return set(self.decision.filter(pl.col("n_rows") > 0, known)["image_id"])

    def _without_odd(
        self, staging: Staging, made: Made, rows: pl.DataFrame, odd: Mapping[str, Odd]
    ) -> Made:
        left, out = without(rows, odd)
        self.images.n_done -= len(out)
        self.images.errors.update((i, self._odd(i, why)) for i, why in out.items())
        runs = made.runs.filter(~pl.col("image_id").is_in(list(out)))
        return staging.next_part().write(left, runs, made.params)

    def _odd(self, image_id: str, why: str) -> TableSchemaError:
        dataset, name = quote(str(self.job.dataset.path)), self.job.indexer.name
        return TableSchemaError(
            f'{why}; cast it in this image, or rebuild the whole table with mode="replace": '
            f"kymflow index {dataset} {name} --mode replace",
            dataset=str(self.job.dataset.path),
            image_id=image_id,
        )

    def _failed(self) -> list[Made]:
        if not self.images.errors:
            return []
        runs = failed_runs(self.job, self.decision, self.images.errors)
        return [Made(runs, pl.DataFrame(schema=PARAMS))]

    def _is_settled(self) -> bool:
        """Tell whether there is a table, and nothing is left of a killed run."""
        dataset = self.job.dataset
        return dataset.tables.exists(self.table) and not runs_are_left(dataset, self.table)

    def _tell_commit(self, done: int) -> None:
        if self.images.progress:
            self.images.progress(Progress("commit", done, self.images.n_done))


def _without(images: pl.DataFrame, made: Sequence[Made]) -> pl.DataFrame:
    done = [one.runs.select("image_id") for one in made]
    if not done:
        return images
    return images.join(pl.concat(done), on="image_id", how="anti", maintain_order="left")
