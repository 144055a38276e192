"""Charts of answers, as `kymflow plot` draws them."""

from __future__ import annotations

from functools import partial
from typing import Any

from starlette.responses import Response

from kymflow.core.plots import plot_query
from kymflow.explore.api.endpoint import Asked, reads
from kymflow.explore.drawing import chart_of
from kymflow.explore.workspace import QUERY_S, Workspace
from kymflow_zarr.errors import UsageError

MOST_ROWS = 5_000_000
"""So many rows of an answer are drawn at most: all are in memory then."""


def _chart(workspace: Workspace, asked: Asked) -> Response:
    look: dict[str, Any] = {n: asked.optional(n) for n in ("x", "y", "color", "title")}
    kind, name = asked.optional("kind"), asked.optional("name")
    if name is not None:
        params = asked.mapping("params")
        picture = partial(
            plot_query, workspace.kym, name, params, kind=kind, timeout=QUERY_S, **look
        )
    else:
        listing = workspace.listings.get(asked.text("listing"))
        if listing.n_rows > MOST_ROWS:
            raise UsageError(f"a chart is of {MOST_ROWS:,} rows at most; ask for fewer")
        picture = partial(chart_of, listing, kind or "line", **look)
    return Response(workspace.drawing.draw(picture, "svg"), media_type="image/svg+xml")


READS = [reads("/api/chart", _chart)]
