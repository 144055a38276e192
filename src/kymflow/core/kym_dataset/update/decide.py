"""Step 2, decide: SQL says what is due and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import duckdb
import polars as pl

from kymflow.core.kym_dataset.indexers.base import NEVER_ANALYSED, Derived, Indexer
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow.core.kym_dataset.update.settled import settle
from kymflow.core.kym_dataset.update.survey import Survey
from kymflow_sql import statement
from kymflow_zarr.duck import literal, register, view_columns
from kymflow_zarr.errors import TableError, TableUnreadableError
from kymflow_zarr.store import parquet
from kymflow_zarr.tables.types import TableKey

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr.store.store import Store
    from kymflow_zarr.tables.table_store import TableStore
    from kymflow_zarr.tables.types import Reader

Mode = Literal["replace", "incremental"]

REASONS = (
    "fresh",
    "fresh_zero_rows",
    "never_analysed",
    "missing",
    "params_changed",
    "version_changed",
    "mixed_provenance",
    "row_count_mismatch",
    "rows_changed",
    "trace_changed",
    "failed",
    "forced",
    "deleted",
)


def decide(
    survey: Survey,
    tables: TableStore,
    table: str,
    runs: pl.DataFrame,
    analysis_version: str,
    mode: Mode = "incremental",
    *,
    verify: bool = False,
) -> pl.DataFrame:
    """Decide what to do with every image.

    Args:
        survey: What the dataset holds.
        tables: The dataset's tables.
        table: The table's name; it need not exist.
        runs: The last run of each image, as the ledger has it.
        analysis_version: The indexer's version now.
        verify: Ask the rows themselves, whatever the ledger says of them.
        mode: ``"replace"`` makes every image of the survey due; reason ``forced`` marks those
            that were fresh.

    Returns:
        Frame (image_id str, action ``skip``/``update``/``prune``/``forget``, reason str, n_rows
        int64, recorded bool, params_hash str), one row per image; see ``engine/staleness.sql``.
        ``forget`` are deleted images that only the ledger still knows.

    Raises:
        TableUnreadableError: If the table is damaged, or is not one of ours.
        ReadError: If the system refuses to read the table.
    """
    key, place = TableKey(table), tables.path(table)
    question = _Question(survey, key, runs, analysis_version, place, verify)
    decision = tables.read([key, question.runs_key], question.ask)
    if mode == "replace":
        forced = pl.col("action") == "skip"
        decision = decision.with_columns(
            action=pl.when(forced).then(pl.lit("update")).otherwise("action"),
            reason=pl.when(forced).then(pl.lit("forced")).otherwise("reason"),
        )
    return decision


def tell_older(decision: pl.DataFrame, indexer: Indexer, store: Store) -> pl.DataFrame:
    """Give images the reason ``trace_changed`` whose rows only an earlier step can make again.

    Their rows are those of their events, so that no update has anything to do; but the events were
    detected in a trace that is no longer there.

    Args:
        decision: As :func:`decide` returns it.
        indexer: The indexer.
        store: The dataset; of each image that is skipped what its events were made of is read.
    """
    if not isinstance(indexer, Derived):
        return decision
    skipped = pl.col("action") == "skip"
    older = indexer.made_of_older(store, decision.filter(skipped)["image_id"].to_list())
    told = skipped & pl.col("image_id").is_in(list(older))
    reason = pl.when(told).then(pl.lit("trace_changed")).otherwise("reason")
    return decision.with_columns(reason=reason)


@dataclass(frozen=True, slots=True)
class _Question:
    """What is due, asked of a table and its ledger."""

    survey: Survey
    table: TableKey
    runs: pl.DataFrame
    analysis_version: str
    location: Path
    verify: bool

    @property
    def runs_key(self) -> TableKey:
        """The table's record of runs."""
        return TableKey(self.table.name, "runs")

    def ask(self, reader: Reader) -> pl.DataFrame:
        """Run the statements that decide: about all images, or those that are not settled."""
        con = reader.con
        # Variables, not parameters: DuckDB runs a relation with parameters on one thread.
        con.execute(f"SET VARIABLE analysis_version = {literal(self.analysis_version)}")
        con.execute(f"SET VARIABLE never_analysed = {literal(NEVER_ANALYSED)}")
        current, known = self.survey.current, self._known_runs()
        told = not self.verify and reader.is_for_table(self.runs_key)
        try:
            if not told:
                return self._decided(reader, current, known, told=False)
            settled, current, known = settle(con, current, known, self.analysis_version)
            if current.is_empty() and known.is_empty():
                return settled
            left = self._decided(reader, current, known, told=True)
        except duckdb.OutOfMemoryException as error:
            raise TableError(
                "there is too little memory to decide what is stale; nothing was changed: free "
                "some, or update fewer images at a time by image_ids",
                artifact=str(self.location),
            ) from error
        except duckdb.Error as error:
            raise parquet.unreadable(self.location, error) from error
        return pl.concat([settled, left])

    def _decided(
        self, reader: Reader, current: pl.DataFrame, known: pl.DataFrame, *, told: bool
    ) -> pl.DataFrame:
        """Decide about some images by the ledger or the rows, each joined with the others."""
        con = reader.con
        register(con, "current", current)
        register(con, "ledger", known)
        if told and known.filter(pl.col("status") != "ok").is_empty():
            _view_nothing(con)
        else:
            self._view_rows(reader)
        con.execute(statement(f"engine/held_by_{'ledger' if told else 'rows'}"))
        decision = con.sql(statement("engine/staleness")).pl()
        # Joined here: carried through the statement, a million hashes take 300 MB more.
        hashes = current.select("image_id", "params_hash")
        return decision.join(hashes, on="image_id", how="left", maintain_order="left")

    def _view_rows(self, reader: Reader) -> None:
        """Make the view ``existing`` over the table; provenance columns it lacks are null."""
        try:
            rows = reader.relation(self.table)
        except duckdb.Error as error:
            raise parquet.unreadable(self.location, error) from error
        if rows is None:
            _view_nothing(reader.con)
            return
        if "image_id" not in rows.columns:
            raise TableUnreadableError(
                "the table has no column image_id, so it is not one of the engine's; "
                "move it away and build the table again",
                artifact=str(self.location),
            )
        where = self._condition(reader.con)
        view_columns(rows, "existing", dict.fromkeys(PROVENANCE, "VARCHAR"), where=where)

    def _condition(self, con: duckdb.DuckDBPyConnection) -> str:
        """Restrict the rows that are counted, so that few images cost no group-by over all."""
        if self.survey.whole:
            return "true"
        register(con, "asked", self.survey.asked)
        return "image_id IN (FROM asked)"

    def _known_runs(self) -> pl.DataFrame:
        """Select the runs of the images surveyed."""
        runs = self.runs.select("image_id", "params_hash", "analysis_version", "status", "n_rows")
        if self.survey.whole:
            return runs
        return runs.join(self.survey.asked, on="image_id", how="semi")


def _view_nothing(con: duckdb.DuckDBPyConnection) -> None:
    """Make the view ``existing`` without rows; a frame of that name would outlive the question."""
    schema = dict.fromkeys(PROVENANCE, "VARCHAR")
    view_columns(con.sql("SELECT 1"), "existing", schema, where="false")
