"""Step 2, decide: one SQL statement says what is due and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import duckdb
import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow.core.kym_dataset.update.survey import Survey
from kymflow_sql import statement
from kymflow_zarr.duck import view_columns
from kymflow_zarr.errors import TableError, TableUnreadableError
from kymflow_zarr.store import parquet
from kymflow_zarr.tables.types import TableKey

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow_zarr.tables.table_store import TableStore
    from kymflow_zarr.tables.types import Reader

Mode = Literal["replace", "incremental"]

REASONS = (
    "fresh",
    "fresh_zero_rows",
    "missing",
    "params_changed",
    "version_changed",
    "mixed_provenance",
    "row_count_mismatch",
    "outdated",
    "failed",
    "forced",
    "deleted",
)


def decide(
    survey: Survey,
    tables: TableStore,
    table: str,
    ledger: Ledger,
    analysis_version: str,
    mode: Mode = "incremental",
) -> pl.DataFrame:
    """Decide what to do with every image.

    Args:
        survey: What the dataset holds.
        tables: The dataset's tables.
        table: The table's name; it need not exist.
        ledger: The record of past runs.
        analysis_version: The indexer's version now.
        mode: ``"replace"`` makes every image of the survey due; reason ``forced`` marks those
            that were fresh.

    Returns:
        Frame (image_id str, action ``skip``/``update``/``prune``, reason str, n_rows int64).

    Raises:
        TableUnreadableError: If the table is damaged, or is not one of ours.
        ReadError: If the system refuses to read the table or its ledger.
    """
    question = _Question(survey, TableKey(table), ledger, analysis_version, tables.path(table))
    decision = tables.read([question.table, ledger.runs], question.ask)
    if mode == "replace":
        forced = pl.col("action") == "skip"
        decision = decision.with_columns(
            action=pl.when(forced).then(pl.lit("update")).otherwise("action"),
            reason=pl.when(forced).then(pl.lit("forced")).otherwise("reason"),
        )
    return decision


@dataclass(frozen=True, slots=True)
class _Question:
    """What is due, asked of a table and its ledger."""

    survey: Survey
    table: TableKey
    ledger: Ledger
    analysis_version: str
    location: Path

    def ask(self, reader: Reader) -> pl.DataFrame:
        """Run the one statement that decides."""
        con = reader.con
        # A variable, not a parameter: DuckDB runs a relation with parameters on one thread.
        con.execute("SET VARIABLE analysis_version = $1", [self.analysis_version])
        con.register("current", self.survey.current)
        self._view_rows(reader)
        self.ledger.view(reader)
        try:
            return con.sql(statement("engine/staleness")).pl()
        except duckdb.OutOfMemoryException as error:
            raise TableError(
                "there is too little memory to decide what is stale; nothing was changed: free "
                "some, or update fewer images at a time by image_ids",
                artifact=str(self.location),
            ) from error
        except duckdb.Error as error:
            if not self.ledger.is_damaged():
                raise parquet.unreadable(self.location, error) from error
            con.register("ledger", self.ledger.load())
            return con.sql(statement("engine/staleness")).pl()

    def _view_rows(self, reader: Reader) -> None:
        """Make the view ``existing`` over the table; provenance columns it lacks are null."""
        try:
            rows = reader.relation(self.table)
        except duckdb.Error as error:
            raise parquet.unreadable(self.location, error) from error
        if rows is None:
            reader.con.register("existing", pl.DataFrame(schema=PROVENANCE))
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
        """Return what rows must meet to count, so that few images cost no group-by over all."""
        if self.survey.whole:
            return "true"
        asked = [*self.survey.current["image_id"], *self.survey.absent]
        con.register("asked", pl.DataFrame({"image_id": asked}, {"image_id": pl.String}))
        return "image_id IN (FROM asked)"
