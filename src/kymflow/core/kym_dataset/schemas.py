"""The columns that the engine itself writes: provenance of rows, the ledger, the params."""

from __future__ import annotations

import polars as pl

PROVENANCE = pl.Schema(
    {"image_id": pl.String(), "analysis_version": pl.String(), "params_hash": pl.String()}
)
RUNS = pl.Schema(
    {
        "image_id": pl.String(),
        "params_hash": pl.String(),
        "analysis_version": pl.String(),
        "status": pl.String(),
        "n_rows": pl.Int64(),
        "error": pl.String(),
        "code": pl.String(),
        "indexed_at": pl.Datetime("us", "UTC"),
        "code_hash": pl.String(),
    }
)
PARAMS = pl.Schema({"params_hash": pl.String(), "params": pl.String()})


def in_schema(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """Return rows in a schema; columns that their writer did without are null."""
    held = rows.collect_schema()
    return rows.select(
        pl.col(name).cast(dtype) if name in held else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )
