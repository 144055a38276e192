"""Step 2, decide: one SQL statement says what is due and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import duckdb
import polars as pl

from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow.core.kym_dataset.survey import Survey
from kymflow_sql import statement
from kymflow_zarr.duck import engine_connection, view_parquet
from kymflow_zarr.errors import TableError, TableUnreadableError, first_line
from kymflow_zarr.files import read_unchanged

if TYPE_CHECKING:
    from pathlib import Path

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
    survey: Survey, table: Path, ledger: Ledger, analysis_version: str, mode: Mode = "incremental"
) -> pl.DataFrame:
    """Decide what to do with every image.

    Args:
        survey: What the dataset holds.
        table: The table's file; it need not exist.
        ledger: The record of past runs.
        analysis_version: The indexer's version now.
        mode: ``"replace"`` makes every image of the survey due; reason ``forced`` marks those
            that were fresh.

    Returns:
        Frame (image_id str, action ``skip``/``update``/``prune``, reason str, n_rows int64).

    Raises:
        TableUnreadableError: If the table's file is not a table of ours.
    """
    files = [table, ledger.runs_path]
    decision = read_unchanged(files, lambda: _judge(survey, table, ledger, analysis_version))
    if mode == "replace":
        forced = pl.col("action") == "skip"
        decision = decision.with_columns(
            action=pl.when(forced).then(pl.lit("update")).otherwise("action"),
            reason=pl.when(forced).then(pl.lit("forced")).otherwise("reason"),
        )
    return decision


def _judge(survey: Survey, table: Path, ledger: Ledger, analysis_version: str) -> pl.DataFrame:
    with engine_connection(ledger.runs_path.parent) as con:
        # A variable, not a parameter: DuckDB runs a relation with parameters on one thread.
        con.execute("SET VARIABLE analysis_version = $1", [analysis_version])
        con.register("current", survey.current)
        _view_rows(con, table, _condition(con, survey))
        ledger.view(con)
        try:
            return con.sql(statement("engine/staleness")).pl()
        except duckdb.OutOfMemoryException as error:
            raise TableError(
                "there is too little memory to decide what is stale; nothing was changed: free "
                "some, or update fewer images at a time by image_ids",
                artifact=str(table),
            ) from error
        except duckdb.Error as error:
            if not ledger.is_damaged():
                raise _unreadable(table, error) from error
            con.register("ledger", ledger.load())
            return con.sql(statement("engine/staleness")).pl()


def _condition(con: duckdb.DuckDBPyConnection, survey: Survey) -> str:
    """Return what rows must meet to count, so that a few images cost no group-by over all."""
    if survey.whole:
        return "true"
    asked = [*survey.current["image_id"], *survey.absent]
    con.register("asked", pl.DataFrame({"image_id": asked}, {"image_id": pl.String}))
    return "image_id IN (FROM asked)"


def _view_rows(con: duckdb.DuckDBPyConnection, table: Path, where: str) -> None:
    """Make the view ``existing`` over the table; provenance columns it lacks are null."""
    if not table.exists():
        con.register("existing", pl.DataFrame(schema=PROVENANCE))
        return
    try:
        schema = dict.fromkeys(PROVENANCE, "VARCHAR")
        columns = view_parquet(con, "existing", table, schema, where=where)
    except duckdb.Error as error:
        raise _unreadable(table, error) from error
    if "image_id" not in columns:
        raise TableUnreadableError(
            "the table has no column image_id, so it is not one of the engine's; "
            "move it away and build the table again",
            artifact=str(table),
        )


def _unreadable(table: Path, error: Exception) -> TableUnreadableError:
    return TableUnreadableError(
        f"the table file can't be read ({first_line(error)}); restore it, or delete it "
        f"and build the table again",
        artifact=str(table),
    )
