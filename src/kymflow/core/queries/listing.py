"""Images and events as people look through them: chosen by a condition, sorted by a column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import kymflow_sql
from kymflow.core.errors import check_choice
from kymflow.core.queries.views import kym_views
from kymflow_zarr.duck import quoted
from kymflow_zarr.errors import TableNotFoundError
from kymflow_zarr.sql.answers import answer

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.sql.views import Views

Kind = Literal["images", "events"]
_TABLES = {"images": "kym_images", "events": "kym_velocity_events"}
_BESIDE = {"images": "kym_events", "events": "kym_images"}
_ORDERS = {
    "images": ["source_path", "image_id"],
    "events": ["image_id", "roi_id", "channel", "t_start_s", "event_id"],
}
_AS_STORED = "events"  # by image and time already: to sort two million rows takes 0.9 GB and 3 s
FACETS = ("condition", "treatment", "date", "folder")
"""Columns that images are counted by, see :func:`facets_sql`."""


def listing_sql(
    dataset: ZarrDataset,
    kind: Kind,
    *,
    where: str | None = None,
    sort: str | None = None,
    descending: bool = False,
) -> str:
    """Write the query that lists images or events.

    Images come with how many events count in each and how many of these were reviewed; events with
    the file and the condition of their image.

    Args:
        dataset: The dataset; reading it is enough.
        kind: ``images`` or ``events``.
        where: A SQL condition on the listing's columns; all rows if None or blank.
        sort: The column to sort by. If None, images are sorted by their file's path, and events
            are as the table has them: those of an image together.
        descending: Whether from the largest to the smallest; nulls come last either way.

    Raises:
        UsageError: If there is no such kind.
        TableNotFoundError: If the table that it is about is not there.

    Examples:
        >>> kym.sql(listing_sql(dataset, "images", where="depth > 100"))  # doctest: +SKIP
    """
    check_choice("kind", kind, *_TABLES)
    order = [f"{quoted(sort)} {'DESC' if descending else 'ASC'} NULLS LAST"] if sort else []
    if sort or kind != _AS_STORED:
        order += [f"{name} NULLS LAST" for name in _ORDERS[kind]]
    sql: str = kymflow_sql.render(
        "explore/chosen",
        rows=_rows(kym_views(dataset), kind),
        where=where if where and where.strip() else "true",
        order=f"ORDER BY {', '.join(order)}" if order else "",
    )
    return sql


def facets_sql(dataset: ZarrDataset, where: str | None = None) -> str:
    """Write the query that counts the images of a listing by the values of ``FACETS``.

    Raises:
        TableNotFoundError: If there is no table ``kym_images``.
    """
    images = listing_sql(dataset, "images", where=where)
    sql: str = kymflow_sql.render("explore/facets", images=images)
    return sql


def _rows(views: Views, kind: Kind) -> str:
    table, beside = _TABLES[kind], _BESIDE[kind]
    if table not in views.by_name:
        raise TableNotFoundError(
            f"{kind} are listed from the table {table}, which is not there; build it with "
            f"`kymflow index`",
            dataset=str(views.dataset),
        )
    both = beside in views.by_name
    if kind == "images":
        sql: str = kymflow_sql.render("explore/images" if both else "explore/images_alone")
        return sql
    described = answer(views.only([table]), f"DESCRIBE {quoted(table)}", None, None)
    flagged = "rejected" in described["column_name"]
    sql = kymflow_sql.render(
        "explore/events",
        images=beside if both else kymflow_sql.render("explore/no_images"),
        rejected="coalesce(rejected, false)" if flagged else "false",
    )
    return sql
