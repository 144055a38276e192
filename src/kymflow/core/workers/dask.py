"""Dask: a cluster to run batches on, and what it says of a task that kills its workers."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import ExitStack, contextmanager

from kymflow.core.errors import WorkerError
from kymflow.core.extras import needs_extra
from kymflow_zarr.errors import UsageError
from kymflow_zarr.reasons import first_line

LOCAL = "local"
_ANSWER_WITHIN = "10s"


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """Yield an executor on a Dask cluster.

    Args:
        address: Where its scheduler listens, such as ``"tcp://host:8786"``; the cluster stays as
            it is. ``"local"`` starts a process for each core of this machine, and ends them.

    Raises:
        MissingExtraError: If Dask is not installed.
        UsageError: If it is no such address.
        WorkerError: If no scheduler answers.
    """
    with needs_extra("dask", "Dask clusters"):
        from distributed import Client, LocalCluster
    with ExitStack() as stack:
        try:
            if address == LOCAL:
                cluster = LocalCluster(threads_per_worker=1, dashboard_address="127.0.0.1:0")
                client = Client(stack.enter_context(cluster))
            else:
                client = Client(address, timeout=_ANSWER_WITHIN)
        except ValueError as error:
            raise UsageError(
                f"{address!r} is no address of a Dask scheduler ({first_line(error)}); "
                f"one looks like tcp://host:8786"
            ) from error
        except OSError as error:
            raise WorkerError(
                f"no Dask scheduler answers at {address} ({first_line(error)}); see that it runs, "
                f"and that this machine can reach it"
            ) from error
        yield stack.enter_context(client).get_executor()


def is_killed_worker(error: BaseException) -> bool:
    """Tell whether an error is Dask's own for a task that has killed several workers."""
    dask = sys.modules.get("distributed")  # an error of what was never imported can't be
    return dask is not None and isinstance(error, dask.KilledWorker)


def is_lost_result(error: BaseException) -> bool:
    """Tell whether an error is Dask's own for a result whose worker died before it was fetched.

    Its executor (``distributed/cfexecutor.py``) then looks at the task's new state, takes the
    result for the three parts of an error, and fails to unpack it.
    """
    if not isinstance(error, TypeError) or error.__traceback__ is None:
        return False
    *_, (frame, _line) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__") == "distributed.cfexecutor"
