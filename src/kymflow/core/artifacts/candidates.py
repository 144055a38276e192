"""Which events are candidates, where their detector did not say so.

Earlier detectors, and other programs, add their deepest drops below the threshold to the events
without a mark. The statement ``views/candidates`` tells them by what they look like.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import polars as pl

from kymflow.core.artifacts.events import DEFAULT_WINDOW_S
from kymflow_sql import render

_LOOKED_AT = (
    "image_id",
    "roi_id",
    "channel",
    "event_type",
    "t_start_s",
    "peak_t_s",
    "strength",
)


def tell_candidates(
    rows: pl.DataFrame, windows_s: Callable[[Sequence[str]], Mapping[str, float | None]]
) -> pl.DataFrame:
    """Tell of each event whether it is a candidate, where ``candidate`` is null.

    Args:
        rows: Frame in the event schema, with ``image_id``.
        windows_s: Looks up the ``win_cmp_sec`` (s) that the events of some images were detected
            with; called for those images alone where it matters.

    Returns:
        The rows in their order; ``candidate`` is true or false.
    """
    if rows["candidate"].null_count() == 0:
        return rows
    place = pl.int_range(pl.len())
    return rows.with_columns(pl.col("candidate").fill_null(place.is_in(_found(rows, windows_s))))


def _found(
    rows: pl.DataFrame, windows_s: Callable[[Sequence[str]], Mapping[str, float | None]]
) -> list[int]:
    """Return the places of all candidates among the rows."""
    drops = rows.filter(pl.col("event_type") == "baseline_drop")
    if drops.is_empty():
        return []
    import duckdb

    several = drops["image_id"].filter(drops["image_id"].is_duplicated()).unique()
    window_s = pl.col("image_id").replace_strict(
        windows_s(several.sort().to_list()), default=None, return_dtype=pl.Float64
    )
    events = rows.select(*_LOOKED_AT, window_s=window_s, place=pl.int_range(pl.len()))
    query = render(
        "views/candidates", events="events", drop="place", window_s=str(DEFAULT_WINDOW_S)
    )
    # It may not spill: that would be to the working directory.
    with duckdb.connect(config={"temp_directory": ""}) as con:
        con.register("events", events)
        return [place for (place,) in con.execute(query).fetchall()]
