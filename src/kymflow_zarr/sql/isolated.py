"""Queries with a time limit, each in a process of its own.

DuckDB can't be interrupted while it is busy within one value, as with a long list or a hard
pattern. A process can be ended at any time; its memory and temporary files go with it.
"""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import IO, TYPE_CHECKING, Any

from kymflow_zarr.errors import DatasetError, QueryError, QueryTimeoutError, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from kymflow_zarr.sql.asking import Answer
    from kymflow_zarr.sql.session import Params
    from kymflow_zarr.sql.views import Views

_POLL_S = 0.1  # a person who leaves a page does not notice; a query in vain ends soon
_SERVE = f"from {__name__} import serve; serve()"


def ask(
    views: Views,
    text: str,
    params: Params,
    timeout: float,
    cancelled: threading.Event | None = None,
) -> Answer:
    """Answer a query in a process of its own.

    Args:
        views: The views that it may have.
        text: The SQL.
        params: Values for it.
        timeout: Seconds that it may take; the start of the process and the time in which nobody
            waits for a batch do not count.
        cancelled: Ends the query once it is set.

    Raises:
        QueryError: If it can't be answered, or is cancelled; also while batches are read.
        QueryTimeoutError: If it takes longer than it may; likewise.
        UsageError: If the timeout is no finite number above 0, or a value can't be sent to
            another process.
    """
    if not 0 < timeout < math.inf:
        raise UsageError(f"timeout must be a number of seconds above 0, not {timeout!r}")
    try:
        request = pickle.dumps((views, text, params))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(f"a value in params can't be sent to another process: {error}") from error
    child = _Child(timeout, cancelled)
    try:
        types, schema = child.begin(request)
    except BaseException:
        child.end()
        raise
    from kymflow_zarr.sql.asking import Answer

    return Answer(types, schema, child.batches(), child.end)


class _Child:
    """The process of one query, as its parent sees it.

    Args:
        timeout: Seconds that the query may take.
        cancelled: Ends the process once it is set.

    Attributes:
        end: Ends the process, whatever it does, and removes its files; it is called with the end
            of this object or of the program.
    """

    def __init__(self, timeout: float, cancelled: threading.Event | None = None) -> None:
        self._cancelled = cancelled
        self._timeout = timeout
        self._left = timeout
        self._is_late = False
        # What the query spills lies here: a process that is killed removes nothing.
        self._scratch = TemporaryDirectory(prefix="kymflow-sql-", ignore_cleanup_errors=True)
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._process = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path, "TMPDIR": self._scratch.name},
        )
        self._batches: Any = None
        self.end = weakref.finalize(self, _end, self._process, self._scratch)

    def begin(self, request: bytes) -> tuple[list[str], pa.Schema]:
        """Hand over the query; return the types and the schema of its answer."""
        import pyarrow as pa

        self._received(inf=True)  # it is ready
        stdin, stdout = _stream(self._process.stdin), _stream(self._process.stdout)
        with suppress(BrokenPipeError):  # reading will say why
            stdin.write(request)
            stdin.flush()
        types = self._received()
        self._batches = self._waited(lambda: pa.ipc.open_stream(stdout))
        return types, self._batches.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the batches, then end the process."""
        try:
            while (batch := self._waited(lambda: next(self._batches, None))) is not None:
                yield batch
            self._received()
        finally:
            self.end()

    def _received(self, *, inf: bool = False) -> Any:
        """Receive the process's next answer, or raise it if it is an error."""
        stdout = _stream(self._process.stdout)
        said = self._waited(lambda: pickle.load(stdout), inf=inf)  # noqa: S301 - ours
        if isinstance(said, Exception):
            raise said
        return said

    def _waited(self, read: Callable[[], Any], *, inf: bool = False) -> Any:
        """Read from the process until the query's time is up.

        Raises:
            QueryTimeoutError: If it is.
            QueryError: If the process dies.
        """
        import pyarrow as pa

        done = threading.Event()
        left = threading.TIMEOUT_MAX if inf else max(0, self._left)
        threading.Thread(target=self._watch, args=(done, left), daemon=True).start()
        started = time.monotonic()
        try:
            return read()
        except (EOFError, pickle.UnpicklingError, OSError, pa.ArrowInvalid) as error:
            raise self._death() from error
        finally:
            done.set()
            if not inf:
                self._left -= time.monotonic() - started

    def _watch(self, done: threading.Event, left: float) -> None:
        """Kill the process when its time is up, or it is cancelled, before the waiting is over."""
        if self._cancelled is None:
            self._is_late = not done.wait(left)
        else:
            end = time.monotonic() + left
            while not (self._is_late or self._cancelled.is_set()):
                if done.wait(min(_POLL_S, max(0, end - time.monotonic()))):
                    return
                self._is_late = time.monotonic() >= end
        if not done.is_set():
            self._process.kill()

    def _death(self) -> QueryError:
        code = self._process.wait()
        if self._cancelled is not None and self._cancelled.is_set():
            return QueryError("the query was cancelled")
        if self._is_late:
            return QueryTimeoutError(
                f"the query took longer than {self._timeout:g} s and was stopped; ask for less, or "
                f"allow it more time"
            )
        return QueryError(
            f"the process that answered the query ended ({_told(code)}), for lack of memory or by "
            f"a fault of DuckDB; ask for less"
        )


def _end(process: subprocess.Popen[bytes], scratch: TemporaryDirectory[str]) -> None:
    process.kill()
    process.communicate()
    scratch.cleanup()


def serve() -> None:
    """Answer the one query that comes in on standard input; this runs in the process of it.

    What comes back: that it is ready; the types; the batches as an Arrow stream; None at the end.
    An error comes in the place of the types or the end.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends this process
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    from kymflow_zarr.sql.asking import ask_here

    _say(replies, "ready")
    views, text, params = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent's
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _limit_memory()
    try:
        _reply(replies, ask_here(views, text, params))
    except DatasetError as error:
        _say(replies, error)
    os._exit(0)


def _reply(replies: IO[bytes], found: Answer) -> None:
    import pyarrow as pa

    trouble = None
    _say(replies, found.types)
    with pa.ipc.new_stream(replies, found.schema) as sink:
        try:
            for batch in found.batches:
                sink.write_batch(batch)
        except DatasetError as error:
            trouble = error
    _say(replies, trouble)


def _say(replies: IO[bytes], what: object) -> None:
    pickle.dump(what, replies)
    replies.flush()


def _end_with_parent() -> None:
    """End when the parent does, which then closes what this process reads from."""
    sys.stdin.buffer.read()
    os._exit(1)


def _limit_memory() -> None:
    """Have the system refuse what DuckDB's own limit does not count, as within one value."""
    try:
        import resource
    except ModuleNotFoundError:  # on Windows
        return
    from kymflow_zarr.duck import memory_limit

    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (memory_limit(), resource.RLIM_INFINITY))


def _told(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - both are pipes
    return stream
