"""Where batches run: here, in local processes, or on any ``concurrent.futures.Executor``."""

from __future__ import annotations

import math
import multiprocessing
import os
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import TYPE_CHECKING, Generic, Protocol

from kymflow.core.errors import WorkerError
from kymflow.core.workers.dask import is_killed_worker, is_lost_result
from kymflow.core.workers.isolated import Isolated
from kymflow.core.workers.work import Outcome, Result, Task, Work, attempt
from kymflow_zarr.errors import UsageError
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess


_TRIES = 2
"""How often a task may kill a worker before it is done in a process of its own."""
_BATCHES_PER_WORKER = 4
"""Batches a worker, where there are enough images: those that are done first help the others."""
_MIN_BATCH = 16
"""Images that are worth the way to a worker."""
_ASSUMED_WORKERS = 64
"""Workers of an executor of the caller's, which does not say how many it has."""
_MAX_IN_FLIGHT = 512
"""Batches given to such an executor at once; in case it has many more."""
RESUME = "what was done before is kept: run it again, and it goes on from there"


class Pool(Protocol):
    """Workers, as :func:`run` needs them.

    Attributes:
        n_workers: How many there are, as far as is known.
        max_in_flight: How many tasks to give them at once.
    """

    n_workers: int
    max_in_flight: int

    def submit(self, do: Callable[[Task], Result], task: Task) -> Future[Outcome[Result]]:
        """Have a task done.

        Raises:
            WorkerError: If the executor takes none any more.
        """
        ...

    def workers_killed(self, error: BaseException) -> int:
        """Return how many workers a task has killed, by the error that came instead of it.

        Raises:
            WorkerError: If it is the executor itself that fails.
        """
        ...


@contextmanager
def worker_pool(workers: int | None, executor: Executor | None) -> Iterator[Pool | None]:
    """Yield the workers to run batches on; None stands for this very thread.

    Args:
        workers: How many local processes to start. They are spawned, since Polars does not
            outlive a fork.
        executor: An executor of the caller's, who also closes it.

    Raises:
        UsageError: If both are given, or fewer workers than one.
    """
    if workers is None:
        yield None if executor is None else _CallersExecutor(executor)
        return
    if executor is not None:
        raise UsageError("give workers or an executor, not both")
    if workers < 1:
        raise UsageError(f"workers must be 1 or more, not {workers}")
    processes = _Processes(workers)
    try:
        yield processes
    finally:
        processes.end()


def batch_size(n_images: int, most: int, pool: Pool | None) -> int:
    """Return how many images go into a batch, so that all workers have something to do."""
    if pool is None:
        return most
    return min(most, max(_MIN_BATCH, math.ceil(n_images / (_BATCHES_PER_WORKER * pool.n_workers))))


def run(work: Work[Task, Result], tasks: Iterable[Task], pool: Pool | None) -> Iterator[Result]:
    """Yield what becomes of tasks, in the order in which they are done.

    A task whose worker dies is tried again. One that kills its workers is done in a process of
    its own at the end, and halved until what kills them is found; see :class:`Work`.

    Args:
        work: What to do.
        tasks: The tasks; taken no faster than they are worked off.
        pool: Where to run; None stands for this very thread.

    Raises:
        WorkerError: If an executor of the caller's is lost.
        Exception: Whatever the work raises; tasks not yet begun are called off,
            and those at work waited for.
    """
    with Isolated() as isolated:
        if pool is not None:
            yield from _run_on(pool, work, tasks, isolated)
            return
        for task in tasks:
            if work.is_suspect(task):
                yield from isolated.results(work, task)
            else:
                yield work.do(task)


@dataclass(frozen=True, slots=True)
class _Turn(Generic[Task]):
    """A task, and how many workers it has killed."""

    task: Task
    deaths: int = 0


def _run_on(
    pool: Pool, work: Work[Task, Result], tasks: Iterable[Task], isolated: Isolated
) -> Iterator[Result]:
    turns = (_Turn(task, _TRIES if work.is_suspect(task) else 0) for task in tasks)
    again: deque[_Turn[Task]] = deque()
    quarantined: list[Task] = []
    pending: dict[Future[Outcome[Result]], _Turn[Task]] = {}
    done: SimpleQueue[Future[Outcome[Result]]] = SimpleQueue()
    try:
        while True:
            while len(pending) < pool.max_in_flight:
                turn = again.popleft() if again else next(turns, None)
                if turn is None:
                    break
                if turn.deaths < _TRIES:
                    future = pool.submit(work.do, turn.task)
                    pending[future] = turn
                    future.add_done_callback(done.put)
                else:
                    quarantined.append(turn.task)
            if not pending:
                break
            future = done.get()
            turn = pending.pop(future)
            error = _error_of(future)
            if error is None:
                yield future.result().result()
            else:
                again.append(_Turn(turn.task, turn.deaths + pool.workers_killed(error)))
        for task in quarantined:
            yield from isolated.results(work, task)
    finally:
        # What has begun is waited for: it writes to a folder that is about to be cleared.
        wait([future for future in pending if not future.cancel()])


def _error_of(future: Future[Outcome[Result]]) -> BaseException | None:
    """Return the executor's error instead of an outcome.

    Raises:
        WorkerError: If it called the task off.
    """
    try:
        return future.exception()
    except CancelledError as error:
        raise WorkerError(
            f"the executor called off what it was given, as Dask does when its scheduler is lost; "
            f"{RESUME}"
        ) from error


class _Processes:
    """Local processes; when one dies, all are started again."""

    def __init__(self, workers: int) -> None:
        self.n_workers = workers
        self.max_in_flight = 2 * workers
        self._start()

    def submit(self, do: Callable[[Task], Result], task: Task) -> Future[Outcome[Result]]:
        try:
            return self._pool.submit(attempt, do, task)
        except BrokenExecutor:
            self.end()
            self._start()
            return self._pool.submit(attempt, do, task)

    def workers_killed(self, error: BaseException) -> int:
        if isinstance(error, BrokenExecutor) and self._first.exception() is None:
            return 1
        raise WorkerError(
            f"worker processes can't work ({first_line(error)}); a script that uses them must keep "
            f'what it does under `if __name__ == "__main__":`, and an indexer must stand in a '
            f"module that can be imported"
        ) from error

    def end(self) -> None:
        """Wait for the processes to end."""
        self._pool.shutdown()

    def _start(self) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(self.n_workers, spawn, initializer=_end_with_parent)
        self._first = self._pool.submit(os.getpid)  # if this fails, it is not for a task


class _CallersExecutor:
    """An executor of the caller's."""

    n_workers = _ASSUMED_WORKERS
    max_in_flight = _MAX_IN_FLIGHT

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, do: Callable[[Task], Result], task: Task) -> Future[Outcome[Result]]:
        try:
            return self._executor.submit(attempt, do, task, uuid.uuid4().hex)
        except Exception as error:  # each library has its own, and the work does not run here
            raise _lost(error) from error

    def workers_killed(self, error: BaseException) -> int:
        if is_killed_worker(error):
            return _TRIES  # Dask has tried it on several
        if isinstance(error, WorkerError) or is_lost_result(error):
            return 1
        raise _lost(error) from error


def _lost(error: BaseException) -> WorkerError:
    details = str(error).partition("\n")[2]  # a job's trace, say
    return WorkerError(f"the executor failed ({first_line(error)}); {RESUME}\n{details}".rstrip())


def _end_with_parent() -> None:
    """Let this worker process end when its parent is killed; by itself it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
