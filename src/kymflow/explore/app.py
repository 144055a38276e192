"""The page's server as a whole: its routes, behind the guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from kymflow.explore.api import chart, image, listing, review, steps, tune
from kymflow.explore.guard import Guard
from kymflow.explore.workspace import Workspace

STATIC = Path(__file__).parent / "static"
THREADS = 6
"""Each thread keeps memory of its own: 40, as usual, held 0.2 GB more after some thumbnails."""
VIEWS = ("", "images", "image", "review", "events", "tune", "ask", "status")
"""Views, each with an address of its own that can be reloaded and shared."""


def make_app(workspace: Workspace, port: int, hosts: Iterable[str] = ()) -> Guard:
    """Return the server's application.

    Args:
        workspace: What it works on.
        port: The port that it is reached by.
        hosts: Names that it may be reached by, other than those of this machine.
    """
    parts = (listing, image, review, tune, chart, steps)
    routes = [Route(f"/{view}", _page) for view in VIEWS]
    routes += [route for part in parts for route in part.READS]
    if not workspace.read_only:
        routes += [route for part in parts for route in getattr(part, "WRITES", ())]
    static = Mount("/static", StaticFiles(directory=STATIC))
    app = Starlette(routes=[*routes, static], lifespan=_few_threads)
    app.state.workspace = workspace
    return Guard(app, hosts, port)


@asynccontextmanager
async def _few_threads(_: Starlette) -> AsyncIterator[None]:
    to_thread.current_default_thread_limiter().total_tokens = THREADS
    yield


def _page(_: Request) -> FileResponse:
    return FileResponse(STATIC / "index.html")
