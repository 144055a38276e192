"""Run a query in a thread of its own, so that Ctrl-C can stop it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import duckdb

T = TypeVar("T")
_POLL_S = 0.2  # Windows sees Ctrl-C only between waits
_PATIENCE_S = 2.0  # a query that hears an interrupt stops in a fraction of it

_left_behind = threading.Event()


def is_query_left_behind() -> bool:
    """Tell whether a query that could not be stopped still runs in this process.

    Who is about to exit then has to use ``os._exit``: Python would wait for DuckDB.
    """
    return _left_behind.is_set()


class Running:
    """Runs a query's work, one piece after another, each in a thread.

    The caller's thread only waits. DuckDB 1.5 looks for Ctrl-C itself when it runs in the main
    thread, but then leaves the query behind, and the next one hangs. A query that is busy within
    one value hears no interrupt: it is left behind in its thread, until it or the process ends.

    Args:
        con: The connection, to interrupt.
        leave_behind: Called when the query is left behind.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, leave_behind: Callable[[], None]) -> None:
        self._con = con
        self._leave_behind = leave_behind

    def run(self, work: Callable[[], T]) -> T:
        """Run a function in the query's thread and return its result.

        Raises:
            KeyboardInterrupt: On Ctrl-C, once the query has stopped or is left behind.
        """
        doing: Future[T] = Future()

        def do() -> None:
            try:
                doing.set_result(work())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is due
                doing.set_exception(error)

        # Not of a pool: Python waits for the threads of those before it exits.
        threading.Thread(target=do, name="kymflow-sql", daemon=True).start()
        try:
            while not doing.done():
                wait([doing], _POLL_S)
        except KeyboardInterrupt:
            self._stop(doing)
            raise
        return doing.result()

    def _stop(self, doing: Future[T]) -> None:
        # An interrupt between two statements is lost, hence more than one.
        tries = int(_PATIENCE_S / 0.01)
        while not doing.done() and tries:
            self._con.interrupt()
            wait([doing], 0.01)
            tries -= 1
        if not doing.done():
            self._leave_behind()
            _left_behind.set()
