"""Charts of answers, as `kymflow plot` draws them."""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

from starlette.responses import Response

from kymflow.core.plots import PlotNote, plot, plot_query, save
from kymflow.explore.api.endpoint import Asked, reads
from kymflow.explore.workspace import QUERY_S, Workspace
from kymflow_zarr.errors import UsageError

MOST_ROWS = 5_000_000
"""So many rows of an answer are drawn at most: all are in memory then."""


def _chart(workspace: Workspace, asked: Asked) -> Response:
    x, y, color, title = (asked.optional(name) for name in ("x", "y", "color", "title"))
    kind, name = asked.optional("kind"), asked.optional("name")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PlotNote)  # it stands under the title as well
        if name is not None:
            chart = plot_query(
                workspace.kym,
                name,
                asked.mapping("params"),
                kind=kind,
                x=x,
                y=y,
                color=color,
                title=title,
                timeout=QUERY_S,
            )
        else:
            listing = workspace.listings.get(asked.text("listing"))
            if listing.n_rows > MOST_ROWS:
                raise UsageError(f"a chart is of {MOST_ROWS:,} rows at most; ask for fewer")
            chart = plot(listing.frame(), kind or "line", x=x, y=y, color=color, title=title)
    with tempfile.TemporaryDirectory(dir=workspace.scratch) as folder:
        path = Path(folder) / "chart.svg"
        save(chart, path)
        return Response(path.read_bytes(), media_type="image/svg+xml")


READS = [reads("/api/chart", _chart)]
