"""The views of what counts: the events, and the traces that were searched for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from kymflow.core.artifacts.columns import (
    EVENT_COLUMNS,
    EVENT_TIMES,
    VELOCITY_COLUMNS,
    VERDICT_COLUMNS,
)
from kymflow.core.artifacts.events import DEFAULT_WINDOW_S
from kymflow_sql import render
from kymflow_zarr.duck import quoted, value

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.sql.views import Source

_EVENTS = {
    "image_id": "VARCHAR",
    "params_hash": "VARCHAR",
    **EVENT_COLUMNS,
}
_IMAGES = {
    "image_id": "VARCHAR",
    "params_hash": "VARCHAR",
    "source_path": "VARCHAR",
    "folder": "VARCHAR",
    "acquired_at": "TIMESTAMP",
    "seconds_per_line": "DOUBLE",
    "duration_s": "DOUBLE",
    "condition": "VARCHAR",
    "n_rois": "BIGINT",
    "accepted": "BOOLEAN",
}
_VELOCITY = {
    "image_id": "VARCHAR",
    "params_hash": "VARCHAR",
    **VELOCITY_COLUMNS,
}
_REVIEWS = {
    "params_hash": "VARCHAR",
    **VERDICT_COLUMNS,
}
_RUNS = {"image_id": "VARCHAR", "params_hash": "VARCHAR", "status": "VARCHAR"}
_PARAMS = {"params_hash": "VARCHAR", "params": "VARCHAR"}
"""Columns that are there in any case, each with its type in SQL."""

_FINITE = ", ".join(f"CASE WHEN isfinite({name}) THEN {name} END AS {name}" for name in EVENT_TIMES)
_NUMBERS = ", ".join(
    f"nullif({name}, 'NaN'::DOUBLE) AS {name}"
    for name, type_ in _EVENTS.items()
    if type_ == "DOUBLE" and name not in EVENT_TIMES
)

# Nulls are given values, since none equals another.
_EVENT = (
    "struct_pack(image := image_id, roi := coalesce(roi_id, -1), channel := coalesce(channel, -1), "
    "event := coalesce(event_id, ''), peak_s := coalesce(peak_t_s, t_start_s, -1), "
    "strength := coalesce(strength, -1))"
)


def select_images(con: duckdb.DuckDBPyConnection, images: Source) -> str:
    """Write the SELECT of ``kym_images``, with the columns that queries rely on in any case.

    A table without rows has no other columns than those that every table has.

    Args:
        con: The connection; it looks which columns the table has.
        images: The table of images.
    """
    return f"FROM {_complete(con, images, _IMAGES)}"


def select_velocity(con: duckdb.DuckDBPyConnection, velocity: Source) -> str:
    """Write the SELECT of ``kym_velocity``, likewise: no image may have had a trace yet."""
    return f"FROM {_complete(con, velocity, _VELOCITY)}"


def select_reviews(con: duckdb.DuckDBPyConnection, reviews: Source) -> str:
    """Write the SELECT of ``kym_reviews``, likewise."""
    return f"FROM {_complete(con, reviews, _REVIEWS)}"


def select_verdict_pairs(con: duckdb.DuckDBPyConnection, reviews: Source) -> str:
    """Write the SELECT of ``kym_verdict_pairs``: what each two reviewers say of the same event.

    Columns: image_id, roi_id, channel, reviewer_a, reviewer_b, event_a, event_b, verdict_a,
    verdict_b, t_start_s, apart_s (s between two events that each added; 0 for one and the same),
    settled.

    Args:
        con: The connection; it looks which columns the table has.
        reviews: The table of verdicts.
    """
    text: str = render("views/verdict_pairs", reviews=_complete(con, reviews, _REVIEWS))
    return text


def select_events(
    con: duckdb.DuckDBPyConnection, events: Source, *, params: Source | None = None
) -> str:
    """Write the SELECT of ``kym_events``: the events that count.

    Columns: those of the table, and all of the event schema. A time that is not finite is null,
    and so is any number that is NaN. ``candidate`` is true or false. Where the table does not say,
    because it was made before it had that column, it is derived, which costs a sort at each
    question (1.4 s of processor time for two million rows).

    Args:
        con: The connection; it looks whether all events say if they are candidates.
        events: The table of events.
        params: The params behind their hashes; None where there is no record of them.
    """
    held = _types(con, events)
    source = _complete(con, events, _EVENTS)
    told = "candidate" in held and value(con, f"SELECT count(*) = count(candidate) FROM {source}")
    if not told:
        source = _derived(source, _complete(con, params, _PARAMS))
    rejected = "rejected" if "rejected" in held else "false"
    columns = f"* REPLACE ({_FINITE}, {_NUMBERS})"
    text: str = render("views/events", columns=columns, events=source, rejected=rejected)
    return text


def select_analysed(
    con: duckdb.DuckDBPyConnection,
    events: Source,
    *,
    images: Source,
    metadata: Source | None = None,
    runs: Source | None = None,
    params: Source | None = None,
) -> str:
    """Write the SELECT of ``kym_analysed``: the traces that were searched for events.

    Columns: image_id, roi_id, channel; start_s, end_s, duration_s of the trace in the recording,
    s, null where the scale is not known. An image that is not in it was never analysed, or its
    last run failed.

    Args:
        con: The connection; it looks which columns the tables have.
        events: The table of events.
        images: The table of images.
        metadata: The params of the images; here and below None where there are none.
        runs: The last run of each image.
        params: The params behind the runs' hashes.
    """
    text: str = render(
        "views/analysed",
        events=_complete(con, events, _EVENTS),
        images=_complete(con, images, _IMAGES),
        metadata=_complete(con, metadata, _PARAMS),
        runs=_complete(con, runs, _RUNS),
        params=_complete(con, params, _PARAMS),
    )
    return text


def _types(con: duckdb.DuckDBPyConnection, table: Source) -> dict[str, str]:
    """Return the type of each column; the names are in lower case, as SQL compares them."""
    rows = con.sql(f"FROM {table.sql} LIMIT 0")
    return {name.lower(): str(type_) for name, type_ in zip(rows.columns, rows.types, strict=True)}


def _complete(
    con: duckdb.DuckDBPyConnection, table: Source | None, columns: Mapping[str, str]
) -> str:
    """Write a table as SQL with all of some columns, each of its type.

    Args:
        con: The connection.
        table: The table; None stands for one without rows.
        columns: The columns, each with its type. One that the table lacks is null, and so is a
            value that does not fit.
    """
    held = _types(con, table) if table else {}
    lacking = [f"NULL::{columns[name]} AS {quoted(name)}" for name in columns if name not in held]
    if table is None:
        return f"(SELECT {', '.join(lacking)} WHERE false)"
    unlike = [
        f"TRY_CAST({quoted(name)} AS {type_}) AS {quoted(name)}"
        for name, type_ in columns.items()
        if held.get(name, type_) != type_
    ]
    if not lacking and not unlike:
        return table.sql
    shown = f"* REPLACE ({', '.join(unlike)})" if unlike else "*"
    return f"(SELECT {', '.join([shown, *lacking])} FROM {table.sql})"


def _derived(source: str, params: str) -> str:
    candidates = render(
        "views/candidates", events="windowed", drop=_EVENT, window_s=str(DEFAULT_WINDOW_S)
    )
    told = render(
        "views/told_candidates", events=source, params=params, candidates=candidates, drop=_EVENT
    )
    return f"({told})"
