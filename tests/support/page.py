"""The page's server as a process of its own, as `kymflow explore` starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

PATIENCE_S = 60


class Page(NamedTuple):
    """A page that is served.

    Attributes:
        address: What the command printed: it opens the page once.
        process: The server.
    """

    address: str
    process: subprocess.Popen[str]

    @property
    def base(self) -> str:
        """Where the server is."""
        return self.address.partition("/?")[0]

    def open(self) -> Browser:
        """Open the page, as the browser that has the address does."""
        client = httpx.Client(base_url=self.base, timeout=PATIENCE_S)
        client.get(self.address, follow_redirects=True).raise_for_status()
        return Browser(client)


class Browser(NamedTuple):
    """Asks what the page asks, as its browser would.

    Attributes:
        client: With the cookie.
    """

    client: httpx.Client

    def get(self, path: str, **values: object) -> httpx.Response:
        """Ask something."""
        return self.client.get(f"/api/{path}", params={k: str(v) for k, v in values.items()})

    def post(self, path: str, body: object, **headers: str) -> httpx.Response:
        """Have something written."""
        base = str(self.client.base_url).rstrip("/")
        own = {"origin": base, "sec-fetch-site": "same-origin", "x-kymflow": "1"}
        return self.client.post(f"/api/{path}", json=body, headers={**own, **headers})


@contextmanager
def served(dataset: Path, *options: str, temporary: Path | None = None) -> Iterator[Page]:
    """Serve the page of a dataset within the block; by default where other temporary files are."""
    command = [sys.executable, "-m", "kymflow.cli.main", "explore", str(dataset), "--no-browser"]
    process = subprocess.Popen(
        [*command, "--reviewer", "ann", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **({} if temporary is None else {"TMPDIR": str(temporary)})},
    )
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert address.startswith("http://"), process.communicate(timeout=PATIENCE_S)
        yield Page(address, process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
