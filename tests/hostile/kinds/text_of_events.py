"""Texts of events are script, markup, formulas and escapes of terminals."""

from __future__ import annotations

import polars as pl

from tests.hostile.place import Place


def make(place: Place) -> None:
    path = place.analysis() / "velocity_events/events.parquet"
    texts = "<script>alert(1)</script> =cmd|' /C calc'!A0 \x1b]52;c;eA==\x07 [x](javascript:x)"
    pl.read_parquet(path).with_columns(note=pl.lit(texts), user_type=pl.lit(texts)).write_parquet(
        path
    )
