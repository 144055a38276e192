"""Listings of images and events, answers to SQL and named queries: any rows of them, as files."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from kymflow.core.errors import check_choice
from kymflow.core.formats import FORMATS, write
from kymflow.core.queries.columns import list_columns
from kymflow.core.queries.library import fill, named_queries
from kymflow.core.queries.listing import facets_sql, listing_sql
from kymflow.core.queries.saved import save_query, saved_queries
from kymflow.explore.api.endpoint import Asked, reads, writes
from kymflow.explore.encode import rows_of
from kymflow.explore.listings import Listing
from kymflow.explore.workspace import QUERY_S, Workspace
from kymflow_zarr.errors import DatasetError

WINDOW = 1_000
"""As many rows are sent at once."""
_ENDINGS = {"markdown": "md"}


def make_listing(workspace: Workspace, asked: Asked) -> Listing:
    """Answer what a view lists: images, events, a query, or a queue.

    Raises:
        QueryError: If the condition or the query can't be answered.
    """
    kind = asked.text("kind")
    check_choice("kind", kind, "images", "events", "sql", "named", "queue")
    if kind == "queue":
        frame = workspace.reviews(asked.text("queue")).find().frame
        what = {"queue": asked.text("queue"), "rows": hash(frame.write_csv())}
        return workspace.listings.keep(what, lambda: frame.to_arrow().to_reader())
    if kind == "sql":
        return workspace.ask(asked.text("sql"), alone=True, cancelled=asked.cancelled)
    if kind == "named":
        sql, values = fill(workspace.dataset, asked.text("name"), asked.mapping("params"))
        return workspace.ask(sql, values, alone=True, cancelled=asked.cancelled)
    where, sort = asked.optional("where"), asked.optional("sort")
    sql = listing_sql(
        workspace.dataset,
        kind,  # type: ignore[arg-type]
        where=where,
        sort=sort,
        descending=asked.flag("desc"),
    )
    # Two million events take 0.5 GB, which this process would keep; one of their own does not.
    alone = where is not None or kind == "events"
    return workspace.ask(sql, alone=alone, cancelled=asked.cancelled)


def warm(workspace: Workspace) -> None:
    """Ask what the page asks first, while the browser still starts."""
    with suppress(DatasetError):  # the page says what is wrong, and what to do
        make_listing(workspace, Asked({"kind": "images"}))


def _listing(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    listing = make_listing(workspace, asked)
    return {
        "listing": listing.name,
        "n_rows": listing.n_rows,
        "columns": [{"name": each.name, "type": str(each.type)} for each in listing.schema],
        "first": rows_of(listing.rows(0, asked.whole("first", 100))),
    }


def _rows(workspace: Workspace, asked: Asked) -> list[list[Any]]:
    start = max(0, asked.whole("from", 0))
    stop = min(asked.whole("to", start + 100), start + WINDOW)
    return rows_of(workspace.listings.get(asked.text("listing")).rows(start, stop))


def _facets(workspace: Workspace, asked: Asked) -> list[list[Any]]:
    where = asked.optional("where")
    sql = facets_sql(workspace.dataset, where)
    found = workspace.ask(sql, alone=where is not None, cancelled=asked.cancelled)
    return rows_of(found.rows(0, found.n_rows))


def _download(workspace: Workspace, asked: Asked) -> FileResponse:
    format_ = asked.text("format")
    check_choice("format", format_, *FORMATS)
    listing = workspace.listings.get(asked.text("listing"))
    with tempfile.NamedTemporaryFile(dir=workspace.scratch, delete=False) as sink:
        path = Path(sink.name)
        try:
            write(listing.reader(), format_, sink)  # type: ignore[arg-type]
        except BaseException:
            path.unlink()
            raise
    name = f"{workspace.dataset.path.stem}.{_ENDINGS.get(format_, format_)}"
    return FileResponse(path, filename=name, background=BackgroundTask(path.unlink))


def _schema(workspace: Workspace, _: Asked) -> dict[str, Any]:
    tables: dict[str, list[list[str]]] = {}
    for table, column, kind in list_columns(workspace.kym, timeout=QUERY_S).iter_rows():
        tables.setdefault(table, []).append([column, kind])
    return {"tables": tables}


def _queries(workspace: Workspace, _: Asked) -> dict[str, Any]:
    named = [
        {
            "name": query.name,
            "summary": query.summary,
            "kind": query.axes.kind,
            "params": [
                {
                    "name": each.name,
                    "kind": each.kind,
                    "default": each.default,
                    "about": each.about,
                    "unit": each.unit,
                }
                for each in query.parameters
            ],
        }
        for query in named_queries()
    ]
    return {"named": named, "saved": saved_queries(workspace.dataset)}


def _save_query(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    with workspace.writing:
        save_query(
            workspace.dataset,
            asked.text("name"),
            asked.text("sql"),
            replace=asked.flag("replace"),
        )
    return {"saved": saved_queries(workspace.dataset)}


READS = [
    reads("/api/listing", _listing),
    reads("/api/rows", _rows),
    reads("/api/facets", _facets),
    reads("/api/download", _download),
    reads("/api/schema", _schema),
    reads("/api/queries", _queries),
]
WRITES = [writes("/api/queries", _save_query)]
