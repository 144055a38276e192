"""A Dask cluster to run batches on: one that is there, or one of this machine's cores."""

from __future__ import annotations

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
