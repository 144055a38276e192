"""Serve the page until Ctrl-C."""

from __future__ import annotations

import ctypes
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import uvicorn

from kymflow.explore.api.listing import warm
from kymflow.explore.app import make_app
from kymflow.explore.workspace import Workspace
from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

LOCAL = "127.0.0.1"
_MALLOC = {-8: 2, -1: 1 << 17}  # glibc: M_ARENA_MAX, M_TRIM_THRESHOLD
_LINGER_S = 2  # a browser that holds a connection open must not hold up Ctrl-C


def serve(
    dataset: ZarrDataset,
    *,
    host: str = LOCAL,
    port: int = 0,
    reviewer: str | None = None,
    ready: Callable[[str], None] = print,
) -> None:
    """Serve the page of a dataset, until Ctrl-C.

    Args:
        dataset: The dataset; open for reading only, the page decides nothing.
        host: The address to listen on.
        port: The port; a free one if 0.
        reviewer: Who decides.
        ready: Called with the address that opens the page, once it can be opened.

    Raises:
        UsageError: If the address can't be listened on.
    """
    _give_memory_back()
    scratch = Path(tempfile.mkdtemp(prefix="kymflow-explore-"))
    listening = _listen(host, port)
    try:
        workspace = Workspace(dataset, scratch, reviewer)
        number = listening.getsockname()[1]
        app = make_app(workspace, number, () if host == LOCAL else (host,))
        config = uvicorn.Config(
            app, log_level="warning", server_header=False, timeout_graceful_shutdown=_LINGER_S
        )
        threading.Thread(target=warm, args=(workspace,), daemon=True).start()
        try:
            ready(f"http://{host}:{number}/?token={app.token}")
            with suppress(KeyboardInterrupt):  # how it is meant to end
                uvicorn.Server(config).run(sockets=[listening])
        finally:
            workspace.close()
    finally:
        listening.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _give_memory_back() -> None:
    """Have glibc give back what is freed: 315 MB in place of 440 after some thumbnails."""
    with suppress(AttributeError, OSError, TypeError):  # there is no glibc
        for option, value in _MALLOC.items():
            ctypes.CDLL(None).mallopt(option, value)


def _listen(host: str, port: int) -> socket.socket:
    """Listen before anybody is told the address: it can then be opened at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise UsageError(f"can't listen on {host}:{port}: {error}; choose another port") from error
    return listening
