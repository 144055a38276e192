"""What Dask's own executor says of results that are lost."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import pytest

from kymflow.core.errors import WorkerError
from kymflow.core.workers import pool
from kymflow.core.workers.dask import is_lost_result
from kymflow.core.workers.work import Outcome

cfexecutor = pytest.importorskip("distributed.cfexecutor")


class _Fetched:
    """A future of Dask's whose worker dies between its result and the look at its status."""

    status = "pending"

    def __init__(self, result: object) -> None:
        self._held = result

    async def _result(self, *, raiseit: bool) -> object:
        assert not raiseit
        return self._held


def _told(result: object) -> BaseException | None:
    told: Future[Any] = Future()

    async def pass_on() -> None:
        await cfexecutor._cascade_future(_Fetched(result), told)

    asyncio.run(pass_on())
    return told.exception(timeout=10)


def test_a_result_lost_on_its_way_counts_as_a_worker_that_died() -> None:
    error = _told(Outcome(1))
    assert error is not None
    assert is_lost_result(error)
    assert pool._CallersExecutor(None).workers_killed(error) == 1  # type: ignore[arg-type]


def test_a_type_error_of_another_kind_ends_the_run() -> None:
    error = _told((TypeError, TypeError("of the executor"), _somewhere_else()))
    assert error is not None
    assert not is_lost_result(error)
    assert not is_lost_result(TypeError("of no code at all"))
    with pytest.raises(WorkerError, match="of the executor"):
        pool._CallersExecutor(None).workers_killed(error)  # type: ignore[arg-type]


def _somewhere_else() -> object:
    with pytest.raises(TypeError) as caught:
        len(1)  # type: ignore[arg-type]
    return caught.tb
