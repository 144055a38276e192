"""Digests of rows, by which contestants' results are compared."""

from __future__ import annotations

import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA

PROVENANCE = ("image_id", "params_hash", "analysis_version")


def of_events(rows: pl.DataFrame) -> str:
    """Digest a table of events, by the columns that every contestant keeps."""
    schema = {**dict.fromkeys(PROVENANCE, pl.String()), **EVENT_SCHEMA}
    return of_frame(rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items()))


def of_frame(frame: pl.DataFrame) -> str:
    """Digest a frame, independent of the order of its rows."""
    digest = int(frame.hash_rows(seed=0).to_numpy().sum()) if frame.height else 0
    return f"{frame.height} rows, digest {digest:016x}"
