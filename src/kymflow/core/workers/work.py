"""A piece of work that may be done elsewhere, and what comes back of it."""

from __future__ import annotations

import os
import pickle
import socket
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from kymflow_zarr.errors import DatasetNotFoundError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

Task = TypeVar("Task")
Result = TypeVar("Result")


def _never(_: object) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Work(Generic[Task, Result]):
    """What is done with each task, and with one that kills the process it runs in.

    Attributes:
        do: Does a task. To run elsewhere, it and its tasks and results must pickle.
        halve: Cuts a task in two; into nothing where it can't be cut any more.
        give_up: Returns the result of a task that can't be cut and kills whoever does it.
        is_suspect: Tells whether a task is done in a process of its own from the start.
    """

    do: Callable[[Task], Result]
    halve: Callable[[Task], Sequence[Task]]
    give_up: Callable[[Task], Result]
    is_suspect: Callable[[Task], bool] = _never


@dataclass(frozen=True, slots=True)
class Outcome(Generic[Result]):
    """What became of a task elsewhere: a result, or an error of the work's own.

    Errors travel as values, so that whatever an executor itself raises is trouble of its own.
    """

    value: Result | None = None
    error: Exception | None = None

    def result(self) -> Result:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value  # type: ignore[return-value]


def attempt(do: Callable[[Task], Result], task: Task, key: str = "") -> Outcome[Result]:
    """Do a task; this runs in a worker.

    Args:
        do: The work.
        task: The task.
        key: Makes this call unlike any other: Dask takes equal calls for one.
    """
    try:
        return Outcome(do(task))
    except Exception as error:  # noqa: BLE001 - it is raised where the result is asked for
        return Outcome(error=that_travels(error))


def check_in_reach(dataset: ZarrDataset) -> None:
    """Refuse to work where the dataset is not: all its images would seem to lack artifacts.

    Raises:
        DatasetNotFoundError: If it can't be seen from here.
    """
    if not dataset.path.is_dir():
        raise DatasetNotFoundError(
            f"{socket.gethostname()} can't see the dataset; every worker must reach its folder "
            f"by the same path",
            dataset=str(dataset.path),
        )


def that_travels(error: Exception) -> Exception:
    """Return an error, or a plain one that says the same where it can't be pickled.

    Args:
        error: The error; where it was raised is noted on it.
    """
    place = f"in process {os.getpid()} of {socket.gethostname()}:\n"
    error.add_note(place + "".join(traceback.format_tb(error.__traceback__)))
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - it was pickled here
    except Exception:  # noqa: BLE001 - whatever a class's own verbs raise
        plain = RuntimeError(f"{type(error).__name__}: {error}")
        for note in error.__notes__:
            plain.add_note(note)
        return plain
    return error
