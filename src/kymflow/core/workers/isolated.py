"""Tasks that may kill the process they run in, done in one of their own."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from types import ModuleType, TracebackType
from typing import IO

from kymflow.core.errors import WorkerError
from kymflow.core.workers.work import Outcome, Result, Task, Work, attempt

_SERVE = f"from {__name__} import serve; serve()"
_CUT_SHORT = (EOFError, pickle.UnpicklingError)


class Isolated:
    """A process that does one task at a time, and is started again when it dies of one.

    Unlike the workers of a pool, it does not import the caller's main module, so that a script
    needs no guard for it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Isolated:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def results(self, work: Work[Task, Result], task: Task) -> Iterator[Result]:
        """Yield what becomes of a task, cut in halves until it kills no process any more.

        What can't be cut is tried twice: something from outside may have killed the process.
        """
        outcome = self._outcome(work, task)
        halves = work.halve(task) if outcome is None else ()
        if outcome is None and not halves:
            outcome = self._outcome(work, task)
        if outcome is not None:
            yield outcome.result()
        elif not halves:
            yield work.give_up(task)
        for half in halves:
            yield from self.results(work, half)

    def _outcome(self, work: Work[Task, Result], task: Task) -> Outcome[Result] | None:
        """Receive a task's result; None if the process died of it."""
        request = _pickler().dumps((work.do, task))
        process = self._process = self._process or _started()
        try:
            pickle.dump(request, _stream(process.stdin))
            _stream(process.stdin).flush()
            reply: Outcome[bytes] = pickle.load(_stream(process.stdout))  # noqa: S301 - ours
        except (*_CUT_SHORT, BrokenPipeError):
            self._end()
            return None
        if reply.error is not None:
            return Outcome(error=reply.error)
        return Outcome(pickle.loads(reply.result()))  # noqa: S301 - ours

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def can_be_sent(value: object) -> bool:
    """Tell whether a value can be pickled for such a process."""
    pickler = _pickler()
    if pickler is pickle and type(value).__module__ == "__main__":
        return False
    try:
        pickler.dumps(value)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def serve() -> None:
    """Do what comes in on standard input, one after another; end when nothing more can come.

    What the work prints goes to standard error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, who ends this process
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    pickle.dump(os.getpid(), replies)
    replies.flush()

    def reply(future: Future[Outcome[bytes]]) -> None:
        if future.exception() is not None:
            os._exit(1)
        pickle.dump(future.result(), replies)
        replies.flush()

    thread = ThreadPoolExecutor(1)
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent's
        except _CUT_SHORT:
            os._exit(0)  # nobody would take what a task at work comes to
        thread.submit(attempt, _pickled_result, request).add_done_callback(reply)


def _pickled_result(request: bytes) -> bytes:
    try:
        do, task = pickle.loads(request)  # noqa: S301 - the parent's
    except (AttributeError, ImportError) as error:
        raise WorkerError(
            f"a batch killed its workers, and can't be done in a process of its own ({error}); "
            f"define the indexer in a module that can be imported"
        ) from error
    return pickle.dumps(do(task))


def _pickler() -> ModuleType:
    """Find the pickler that takes classes of a main module as well, where it is installed."""
    try:
        return import_module("cloudpickle")
    except ModuleNotFoundError:
        return pickle


def _started() -> subprocess.Popen[bytes]:
    """Return such a process, ready for its first task: a death before that is no task's fault."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    process = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-c", _SERVE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    try:
        pickle.load(_stream(process.stdout))  # noqa: S301 - ours
    except _CUT_SHORT as error:
        process.communicate()
        raise WorkerError(
            f"a batch may kill the process that does it, and {sys.executable} can't be started "
            f"for it; what it says stands above"
        ) from error
    return process


def _stream(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None  # noqa: S101 - both are pipes
    return stream
