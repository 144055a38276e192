"""Pictures are drawn in a process of their own: what draws them takes 0.3 GB, and frees none."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

from kymflow.core.errors import WorkerError
from kymflow.explore.listings import Listing

_PICTURES = 10  # then the process makes room for a new one


class Drawing:
    """Draws one picture at a time."""

    def __init__(self) -> None:
        self._pool = self._new()

    def draw(self, picture: Callable[[], Any], format_: str) -> bytes:
        """Draw a picture.

        Args:
            picture: Makes the chart; a function of this module and its arguments, as ``partial``.
            format_: ``png`` or ``svg``.

        Raises:
            WorkerError: If the process dies of it.
        """
        pool = self._pool
        try:
            return pool.submit(_drawn, picture, format_).result()
        except BrokenProcessPool as error:
            if self._pool is pool:
                self._pool = self._new()
            raise WorkerError("the process that drew the picture died; ask for less") from error

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _new(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(
            1, context, initializer=_leave_ctrl_c_to_the_server, max_tasks_per_child=_PICTURES
        )


def _leave_ctrl_c_to_the_server() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _drawn(picture: Callable[[], Any], format_: str) -> bytes:
    from kymflow.core.plots import PlotNote, save

    with warnings.catch_warnings(), tempfile.TemporaryDirectory(prefix="kymflow-") as folder:
        warnings.simplefilter("ignore", PlotNote)  # it stands under the title as well
        path = Path(folder) / f"picture.{format_}"
        save(picture(), path)
        return path.read_bytes()


def chart_of(listing: Listing, kind: str, **look: Any) -> Any:
    """Draw the rows of a listing; points bear the numbers of their rows."""
    from kymflow.core.plots import plot

    return plot(listing.frame(), kind, numbered=True, **look)
