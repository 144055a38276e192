"""Run a query in a thread of its own, so that Ctrl-C and a time limit can stop it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, TypeVar

from kymflow_zarr.errors import QueryTimeoutError, UsageError

if TYPE_CHECKING:
    from types import TracebackType

    import duckdb

T = TypeVar("T")
_POLL_S = 0.2


class Running:
    """One query's thread, and the time it has left.

    The caller's thread only waits. DuckDB 1.5 looks for Ctrl-C itself when it runs in the main
    thread, but then leaves the query behind, and the next one hangs.

    Args:
        con: The connection, to interrupt.
        timeout: Seconds that all its work together may take; None for no limit.

    Raises:
        UsageError: If the timeout is not a positive number.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, timeout: float | None) -> None:
        if timeout is not None and not timeout > 0:
            raise UsageError(f"timeout must be a number of seconds above 0, not {timeout!r}")
        self._con = con
        self._timeout = timeout
        self._left = math.inf if timeout is None else timeout
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kymflow-sql")

    def __enter__(self) -> Running:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown()

    def run(self, work: Callable[[], T]) -> T:
        """Do some work and return what it returns.

        Raises:
            QueryTimeoutError: If the time is up first.
            KeyboardInterrupt: On Ctrl-C, once the query has stopped.
        """
        started = time.monotonic()
        doing = self._pool.submit(work)
        try:
            # Windows looks for Ctrl-C between waits only.
            while not doing.done():
                left = self._left - (time.monotonic() - started)
                if left <= 0:
                    self._stop(doing)
                    raise QueryTimeoutError(
                        f"the query took longer than {self._timeout:g} s and was stopped; "
                        f"ask for less, or allow it more time"
                    )
                wait([doing], min(left, _POLL_S))
        except KeyboardInterrupt:
            self._stop(doing)
            raise
        self._left -= time.monotonic() - started
        return doing.result()

    def _stop(self, doing: Future[T]) -> None:
        # An interrupt between two statements is lost, hence more than one.
        while not doing.done():
            self._con.interrupt()
            wait([doing], 0.01)
