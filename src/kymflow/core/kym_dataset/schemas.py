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
SIDES = ("params", "rows")
"""The files that an image's rows are made of: the params, and the artifact that holds the rows."""
SIGNATURE = ("mtime_ns", "size", "inode", "ctime_ns")
SIGNATURES = pl.Schema({f"{side}_{part}": pl.Int64() for side in SIDES for part in SIGNATURE})
SEEN = pl.Schema(
    {
        "image_id": pl.String(),
        "params_hash": pl.String(),
        **SIGNATURES,
        **{f"{side}_content": pl.Binary() for side in SIDES},
        "rows_print": pl.Int64(),
    }
)
"""What rows were made of, per image: of each file a signature, null where it must be read again,
and the hash of its bytes, null where there was no file. A signature of -1 says that too. And the
fingerprint of the rows themselves, null where it was not taken."""
STAGED = pl.Schema({**RUNS, "rows_content": pl.Binary(), "rows_seen": pl.Boolean()})
"""Runs while they are staged: with the hash of the rows file, if that is known for certain."""
PARAMS = pl.Schema({"params_hash": pl.String(), "params": pl.String()})


def in_schema(rows: pl.LazyFrame, schema: pl.Schema) -> pl.LazyFrame:
    """Return rows in a schema; columns that their writer did without are null."""
    held = rows.collect_schema()
    return rows.select(
        pl.col(name).cast(dtype) if name in held else pl.lit(None, dtype).alias(name)
        for name, dtype in schema.items()
    )
