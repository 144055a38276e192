"""Where batches run: here, in local processes, or on any ``concurrent.futures.Executor``."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from kymflow.core.errors import InvalidIndexerError, WorkerError
from kymflow_zarr.errors import UsageError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from kymflow.core.kym_dataset.indexer_base import Indexer

Task = TypeVar("Task")
Result = TypeVar("Result")

# Enough to keep a small cluster busy, few enough that a failure does not wait for long.
_AHEAD = 128


@contextmanager
def worker_pool(workers: int | None, executor: Executor | None) -> Iterator[Executor | None]:
    """Yield the executor to run batches on; None stands for this very thread.

    Args:
        workers: How many local processes to start. They are spawned, since Polars does not
            outlive a fork.
        executor: An executor of the caller's, who also closes it.

    Raises:
        UsageError: If both are given, or fewer workers than one.
    """
    if workers is None:
        yield executor
        return
    if executor is not None:
        raise UsageError("give workers or an executor, not both")
    if workers < 1:
        raise UsageError(f"workers must be 1 or more, not {workers}")
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent) as pool:
        yield pool


def check_can_travel(indexer: Indexer) -> None:
    """Refuse an indexer that can't be sent to another process.

    Raises:
        InvalidIndexerError: If it can't be pickled.
    """
    try:
        pickle.dumps(indexer)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidIndexerError(
            f"indexer {indexer.name!r} can't be sent to worker processes ({error}); define its "
            f"class at the top level of a module and keep open files and locks out of it"
        ) from error


def run_in_order(
    work: Callable[[Task], Result], tasks: Iterable[Task], executor: Executor | None
) -> Iterator[Result]:
    """Yield what a function makes of each task, in the order of the tasks.

    Args:
        work: The function; on an executor, one that can be pickled.
        tasks: The tasks; taken no faster than they are worked off.
        executor: Where to run; None stands for this very thread.

    Raises:
        WorkerError: If a worker process died.
        Exception: Whatever the function raises; tasks not yet begun are called off,
            and those at work waited for.
    """
    if executor is None:
        yield from map(work, tasks)
        return
    pending: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            pending.append(executor.submit(work, task))
            if len(pending) >= _AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenExecutor as error:
        raise WorkerError(
            "a worker process died, for lack of memory or killed from outside; what was done "
            "before is kept: run the update again, with fewer workers if it was memory"
        ) from error
    finally:
        # What has begun is waited for: it writes to a folder that is about to be cleared.
        wait([future for future in pending if not future.cancel()])


def _end_with_parent() -> None:
    """Let this worker process end when its parent is killed; by itself it would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_exit_after, args=(parent,), daemon=True).start()


def _exit_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
