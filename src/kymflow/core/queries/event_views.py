"""The views of what counts: the events, and the traces that were searched for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.artifacts.candidates import DEFAULT_WINDOW_S
from kymflow.core.artifacts.events import EVENT_SCHEMA
from kymflow_sql import render
from kymflow_zarr.duck import quoted, value

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.sql.views import Source

_TYPES = {
    "Boolean": "BOOLEAN",
    "Float64": "DOUBLE",
    "Int32": "INTEGER",
    "Int64": "BIGINT",
    "String": "VARCHAR",
}
_COLUMNS = {
    "image_id": "VARCHAR",
    "params_hash": "VARCHAR",
    **{name: _TYPES[str(dtype)] for name, dtype in EVENT_SCHEMA.items()},
}
"""Columns that the events have in any case, each with its type in SQL."""

# Missing values are given a value each, so that equal rows are equal.
_EVENT = (
    "struct_pack(image := image_id, roi := coalesce(roi_id, -1), channel := coalesce(channel, -1), "
    "event := coalesce(event_id, ''), peak_s := coalesce(peak_t_s, t_start_s, -1), "
    "strength := coalesce(strength, -1))"
)
_NO_PARAMS = "(SELECT NULL::VARCHAR AS params_hash, NULL::VARCHAR AS params WHERE false)"


def select_events(
    con: duckdb.DuckDBPyConnection, events: Source, params: Source | None = None
) -> str:
    """Write the SELECT of ``kym_events``: the events that count.

    Columns: those of the table, and all of the event schema. ``candidate`` is true or false; where
    rows were made before there was such a column, or their detector did not say, it is told by
    what it looks like, which costs a sort (about a second for two million rows).

    Args:
        con: The connection; it looks whether all events say if they are candidates.
        events: The table of events.
        params: The params behind their hashes, None where there is no record of them.
    """
    held = {name.lower() for name in con.sql(f"FROM {events.sql} LIMIT 0").columns}
    source = _with_all_columns(events.sql, held)
    if not _all_told(con, events.sql, held):
        source = _told(source, _NO_PARAMS if params is None else params.sql)
    rejected = "rejected" if "rejected" in held else "false"
    text: str = render("views/events", columns="*", events=source, rejected=rejected)
    return text


def _with_all_columns(source: str, held: set[str]) -> str:
    lacking = [
        f"CAST(NULL AS {type_}) AS {quoted(name)}"
        for name, type_ in _COLUMNS.items()
        if name not in held
    ]
    return f"(SELECT *, {', '.join(lacking)} FROM {source})" if lacking else source


def _all_told(con: duckdb.DuckDBPyConnection, source: str, held: set[str]) -> bool:
    """Tell whether every event says if it is a candidate."""
    query = f"SELECT count(*) = count(candidate) FROM {source}"
    return "candidate" in held and bool(value(con, query))


def _told(source: str, params: str) -> str:
    candidates = render(
        "views/candidates", events="windowed", drop=_EVENT, window_s=DEFAULT_WINDOW_S
    )
    told = render(
        "views/told_candidates", events=source, params=params, candidates=candidates, drop=_EVENT
    )
    return f"({told})"
