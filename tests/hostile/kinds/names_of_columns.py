"""Columns bear names that are SQL."""

from __future__ import annotations

import polars as pl

from tests.hostile.place import TABLE, Place


def make(place: Place) -> None:
    secret = place.outside / "secret.txt"
    name = f"x\"; COPY (SELECT 1) TO '{place.outside}/new.csv'; --\nSELECT content FROM read_text('{secret}')"
    rows = pl.DataFrame({"image_id": ["a"], name: [1]})
    rows.write_parquet(place.path / f"tables/{TABLE}.parquet")
    rows.write_parquet(place.analysis() / "velocity_events/events.parquet")
