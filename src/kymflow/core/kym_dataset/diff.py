"""What changed between two versions of a table: which images, and why."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb
import polars as pl

from kymflow.core.kym_dataset.explain import param_changes
from kymflow_sql import render, statement
from kymflow_zarr.duck import quoted
from kymflow_zarr.tables.types import AsOf

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from kymflow_zarr.sql.queryable import Queryable

DIFFERENCES = pl.Schema(
    {
        "image_id": pl.String(),
        "change": pl.String(),
        "reason": pl.String(),
        "rows_before": pl.Int64(),
        "rows_after": pl.Int64(),
        "details": pl.String(),
    }
)


def diff(kym: Queryable, table: str, before: AsOf, after: AsOf = None) -> pl.DataFrame:
    """Tell which images are otherwise in one version of an indexer's table than in another.

    Args:
        kym: The dataset's tables, in a lake.
        table: The table's name.
        before: A version or a moment.
        after: Another; None stands for now.

    Returns:
        Frame (image_id, change ``added``/``removed``/``remade``/``failed``, reason, rows_before,
        rows_after, details), a row per image, sorted by image_id. The reason, null for an image
        that came or went, is ``params_changed``, ``version_changed`` or ``artifacts_changed``. The
        details name the params keys that changed, the versions, and why it failed.

    Raises:
        UsageError: If the tables are plain files, which keep no history.
        QueryError: If there was no such table at one of the moments.
    """
    views = {"table": table, "runs": f"{table}_runs", "params": f"{table}_params"}
    question = render(
        "engine/versions", **{fragment: quoted(name) for fragment, name in views.items()}
    )
    with duckdb.connect() as con:
        for name, at in (("before", before), ("after", after)):
            con.register(name, kym.sql(question, tables=views.values(), at=at).to_arrow())
        found = con.sql(statement("engine/differences")).pl()
    details = ["; ".join(_details(row)) or None for row in found.iter_rows(named=True)]
    told = found.with_columns(details=pl.Series(details, dtype=pl.String))
    return told.select(DIFFERENCES.names()).cast(DIFFERENCES)


def _details(row: Mapping[str, Any]) -> Iterator[str]:
    if row["reason"] and row["params_before"] and row["params_after"]:
        old, new = json.loads(row["params_before"]), json.loads(row["params_after"])
        yield from map(str, param_changes(old, new))
    if row["reason"] and row["version_before"] != row["version_after"]:
        yield f"analysis_version: {row['version_before']} → {row['version_after']}"
    if row["error"]:
        yield f"failed: {row['error']}"
