"""submitit's jobs as an executor: batches on Slurm, each a job of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from kymflow.core.errors import WorkerError
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    import submitit

P = ParamSpec("P")
T = TypeVar("T")


class JobExecutor(ThreadPoolExecutor):
    """Submits each call as a job, and waits for it in a thread.

    submitit's executors return jobs, not futures, submit all they are given at once, and turn the
    errors of a job into text; this is the difference.

    Args:
        jobs: A ``submitit.AutoExecutor``, ``SlurmExecutor`` or ``LocalExecutor``.
        at_once: How many jobs may be queued or running at a time.
    """

    def __init__(self, jobs: submitit.Executor, at_once: int = 64) -> None:
        super().__init__(at_once)
        self._jobs = jobs
        self._lock = threading.Lock()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Have a function called in a job; it and its arguments must pickle.

        The future raises a ``WorkerError`` if the job died, as for lack of memory, and submitit's
        ``FailedJobError`` if the function raised or the job's time was up.
        """
        return super().submit(self._done_by_a_job, fn, *args, **kwargs)

    def _done_by_a_job(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        from submitit.core.utils import FailedJobError, UncompletedJobError

        with self._lock:
            job = self._jobs.submit(fn, *args, **kwargs)
        try:
            return job.result()
        except FailedJobError:
            raise
        except UncompletedJobError as error:
            raise WorkerError(
                f"job {job.job_id} died ({first_line(error)}); its log is {job.paths.stderr}"
            ) from error
