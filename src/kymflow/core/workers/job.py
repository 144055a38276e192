"""A job over many images: all that goes on around its batches, written once.

Cut into halves, give up on an image that kills its worker, raise or record, tell of progress,
count: import, detection and index differ in what they do with an image, and in nothing here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, Literal, Protocol, Self, TypeVar

from kymflow.core.errors import WorkerError, check_choice
from kymflow.core.workers.pool import Pool, run
from kymflow.core.workers.progress import Failure, Progress, ProgressCallback, Stage
from kymflow.core.workers.work import Work, check_in_reach
from kymflow_zarr.errors import ArtifactError, OutsideError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

Item = TypeVar("Item")
Result = TypeVar("Result")
Value = TypeVar("Value")
OnError = Literal["raise", "record"]


class Batch(Protocol):
    """Some images to work on, and all that a worker needs to know; it pickles."""

    @property
    def dataset(self) -> ZarrDataset:
        """Where the images are, or go to."""
        ...

    @property
    def names(self) -> Sequence[str]:
        """What each image is called in errors: its id."""
        ...

    @property
    def is_suspect(self) -> bool:
        """Whether it may kill the process that works on it."""
        ...

    def halves(self) -> Sequence[Self]:
        """Return it cut in two; nothing if it is one image."""
        ...


SomeBatch = TypeVar("SomeBatch", bound=Batch)


@dataclass(frozen=True, slots=True)
class BatchResult(Generic[Value]):
    """What came of a batch.

    Attributes:
        value: What was made of it; None if its only image kills whoever works on it.
        n_done: How many images went well.
        errors: The error of each other image, by name.
    """

    value: Value | None
    n_done: int
    errors: Mapping[str, Exception]


@dataclass(frozen=True, slots=True)
class BatchJob(Generic[SomeBatch, Value]):
    """What is done with a whole batch.

    Attributes:
        do: Does it, here or in a worker.
        fatal: What is said of an image that kills whoever works on it.
    """

    do: Callable[[SomeBatch], BatchResult[Value]]
    fatal: str

    @property
    def work(self) -> Work[SomeBatch, BatchResult[Value]]:
        """The job as a pool needs it."""
        return Work(self._do, _halves, self._give_up, _is_suspect)

    def _do(self, batch: SomeBatch) -> BatchResult[Value]:
        check_in_reach(batch.dataset)
        return self.do(batch)

    def _give_up(self, batch: SomeBatch) -> BatchResult[Value]:
        [name] = batch.names
        error = WorkerError(self.fatal, dataset=str(batch.dataset.path), image_id=name)
        return BatchResult(None, 0, {name: error})


@dataclass(frozen=True, slots=True)
class ImageBatch(Generic[Item]):
    """A batch of images that are worked on one after another.

    Attributes:
        dataset: Where they are, or go to.
        items: What there is to know of each, by name.
        is_suspect: Whether one may kill the process that works on it.
    """

    dataset: ZarrDataset
    items: Sequence[tuple[str, Item]]
    is_suspect: bool = False

    @property
    def names(self) -> list[str]:
        """What each image is called in errors."""
        return [name for name, _ in self.items]

    def halves(self) -> list[Self]:
        """Return it cut in two; nothing if it is one image."""
        half = len(self.items) // 2
        parts = (self.items[:half], self.items[half:])
        return [replace(self, items=items) for items in parts] if half else []


@dataclass(frozen=True, slots=True)
class ImageJob(Generic[Item, Result]):
    """What is done with each image by itself; one bad image fails alone.

    Attributes:
        do: Does it, here or in a worker.
        doing: What that is, for the note on an error that is nobody's fault but the code's:
            "detecting the events of image_id".
        fatal: What is said of an image that kills whoever works on it.
        failures: The errors that are the image's own.
    """

    do: Callable[[Item], Result]
    doing: str
    fatal: str
    failures: tuple[type[Exception], ...] = (ArtifactError, OutsideError)

    def batches(
        self, dataset: ZarrDataset, items: Iterable[tuple[str, Item]], size: int
    ) -> Iterator[ImageBatch[Item]]:
        """Cut images into batches, no faster than they are asked for."""
        batch: list[tuple[str, Item]] = []
        for item in items:
            batch.append(item)
            if len(batch) == size:
                yield ImageBatch(dataset, batch)
                batch = []
        if batch:
            yield ImageBatch(dataset, batch)

    def in_batches(self) -> BatchJob[ImageBatch[Item], list[Result]]:
        """Return the job of a whole batch."""
        return BatchJob(self._do_each, self.fatal)

    def _do_each(self, batch: ImageBatch[Item]) -> BatchResult[list[Result]]:
        done, errors = do_each(self.do, batch.items, self.doing, self.failures)
        return BatchResult(list(done.values()), len(done), errors)


def do_each(
    do: Callable[[Item], Result],
    items: Iterable[tuple[str, Item]],
    doing: str,
    failures: tuple[type[Exception], ...] = (ArtifactError, OutsideError),
) -> tuple[dict[str, Result], dict[str, Exception]]:
    """Do something with each image; keep the errors that are the image's own.

    Args:
        do: What to do with an image.
        items: What there is to know of each, by name.
        doing: What is done, for the note on any other error.
        failures: The errors that are the image's own.

    Returns:
        The results, and the errors, by name.
    """
    done: dict[str, Result] = {}
    errors: dict[str, Exception] = {}
    for name, item in items:
        try:
            done[name] = do(item)
        except failures as error:
            errors[name] = error
        except Exception as error:
            error.add_note(f"while {doing} {name}")
            raise
    return done, errors


@dataclass(slots=True)
class ImageRun:
    """A run over many images: how many are done, which failed, and who is told.

    Attributes:
        stage: What is said of it in progress.
        on_error: ``"raise"`` stops after the first batch with a failure, ``"record"`` goes on.
        progress: Told after each batch.
        total: How many images there are to do.
        errors: The error of each image that failed, by name; those known before count as failed,
            but were none of the images to do.
        n_done: How many images went well, so far.
    """

    stage: Stage
    on_error: OnError
    progress: ProgressCallback | None = None
    total: int = 0
    errors: dict[str, Exception] = field(default_factory=dict)
    n_done: int = 0
    _n_failed_before: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        check_choice("on_error", self.on_error, "raise", "record")
        self._n_failed_before = len(self.errors)

    def over(
        self, job: BatchJob[SomeBatch, Value], batches: Iterable[SomeBatch], pool: Pool | None
    ) -> Iterator[BatchResult[Value]]:
        """Yield what comes of batches, in the order in which they are done.

        Args:
            job: What to do with each.
            batches: The batches, taken no faster than they are worked off.
            pool: Where to do it; None stands for this very thread.
        """
        for result in run(job.work, batches, pool):
            self.n_done += result.n_done
            self.errors.update(result.errors)
            yield result
            self.tell()
            if result.errors and self.on_error == "raise":
                return

    def tell(self) -> None:
        """Tell how far it is."""
        if self.progress:
            n_failed = len(self.errors) - self._n_failed_before
            self.progress(Progress(self.stage, self.n_done + n_failed, self.total))

    def raise_first(self) -> None:
        """Raise the first error, if there is one and errors are to be raised."""
        for error in self.errors.values() if self.on_error == "raise" else ():
            raise error

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The images that failed, sorted by name."""
        return tuple(Failure.of(name, error) for name, error in sorted(self.errors.items()))


def _halves(batch: SomeBatch) -> Sequence[SomeBatch]:
    return batch.halves()


def _is_suspect(batch: Batch) -> bool:
    return batch.is_suspect
