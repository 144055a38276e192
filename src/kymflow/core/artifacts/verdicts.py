"""What reviewers say of events, as a table holds it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

VERDICT_SCHEMA: Mapping[str, pl.DataType] = MappingProxyType(
    {
        "image_id": pl.String(),
        "reviewer": pl.String(),
        "roi_id": pl.Int32(),
        "channel": pl.Int32(),
        "event_id": pl.String(),
        "verdict": pl.String(),
        "label": pl.String(),
        "rejected": pl.Boolean(),
        "settled": pl.String(),
        "note": pl.String(),
        "added": pl.Boolean(),
        "edited": pl.Boolean(),
        "removed": pl.Boolean(),
        "t_start_s": pl.Float64(),
        "peak_t_s": pl.Float64(),
        "t_end_s": pl.Float64(),
        "n_decisions": pl.Int64(),
        "decided_at": pl.Datetime("us", "UTC"),
    }
)
"""Columns of a verdict, see :class:`~kymflow.core.review.verdicts.ReviewIndexer`."""
