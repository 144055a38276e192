"""Import a lab folder into a dataset: what is new, and on request what changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.lab_folder.dates import DateOrders
from kymflow.core.lab_folder.discover import LabFolder, scan_folder
from kymflow.core.lab_folder.fingerprint import FINGERPRINTING, Fingerprint, Unread
from kymflow.core.lab_folder.import_image import IMPORT, Task
from kymflow.core.lab_folder.known import KnownImages
from kymflow.core.lab_folder.metadata import Hints
from kymflow.core.lab_folder.recognition import Recognition, Verdict
from kymflow.core.lab_folder.report import ImportReport
from kymflow.core.lab_folder.seen import SeenFiles
from kymflow.core.workers.job import ImageRun
from kymflow.core.workers.pool import Pool, run, worker_pool
from kymflow.core.workers.progress import Failure
from kymflow_zarr.store.names import check_dataset_path

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

log = logging.getLogger(__name__)

ImportProgress = Callable[[int, int, str], None]


def import_folder(
    folder: str | Path,
    dataset: ZarrDataset | str | Path,
    *,
    changed: bool = False,
    copies: bool = False,
    follow_links: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    seconds_per_line: float | None = None,
    um_per_pixel: float | None = None,
    progress: ImportProgress | None = None,
) -> ImportReport:
    """Import the images of a lab folder.

    Every image comes in whole or not at all. One already there is skipped: its path, and the
    sizes, times and content hashes of its files are in its metadata. One whose TIFF was renamed or
    moved is recognised by its content, and its new path recorded. A broken file is reported
    and does not stop the rest. One import into a dataset runs at a time; others wait.

    Args:
        folder: The lab folder.
        dataset: The dataset, open for writing; or the path of one, which is made if the folder
            holds images.
        changed: Whether to merge what changed in the files of images with what was done to these
            in the dataset since: field by field, three ways, the base being what was last
            imported. What both changed differently stays as it is in the dataset and is listed
            in ``conflicts``. An image imported before a base was kept keeps its values wherever
            the two differ, which is listed too.
        copies: Whether a TIFF with the pixels of another, which is still where it was, is an image
            of its own. Else it is left out and listed.
        follow_links: Whether to follow links to folders. Else they are listed.
        workers: Read and write images in this many local processes; in this one if None.
        executor: Do it on this ``concurrent.futures.Executor`` instead. Its workers must reach
            both folders by the same paths.
        seconds_per_line: Time between lines, s, of images whose files don't tell it.
        um_per_pixel: Distance between pixels, µm, of images whose files don't tell it.
        progress: Called with (done, total, path) at the beginning and after each image.

    Returns:
        What was done.

    Raises:
        NotFoundError: If there is no such folder.
        UsageError: If it is not a folder, lies in the dataset, or holds no TIFF; or if a scale
            given is not a positive number.
        ReadOnlyError: If the dataset is open for reading only.
        WorkerError: If the executor is lost; images imported before stay.
    """
    from kymflow_zarr import ZarrDataset

    hints = Hints(None, seconds_per_line, um_per_pixel)
    if isinstance(dataset, str | Path):
        place = check_dataset_path(dataset)
        found = scan_folder(folder, follow_links=follow_links, dataset=place)
        dataset = ZarrDataset(place, mode="a")
    else:
        dataset.check_writable("import a lab folder")
        dataset.make()
        found = scan_folder(folder, follow_links=follow_links, dataset=dataset.path)
    with _only_import(dataset), worker_pool(workers, executor) as pool:
        return _Import(found, dataset, changed, hints, progress).run(pool, copies=copies)


class _Import:
    """One import at work.

    Args:
        found: What the folder holds.
        dataset: The dataset.
        changed: Whether to merge what changed.
        hints: The scale of images whose files don't tell it.
        progress: Called after each image.
    """

    def __init__(
        self,
        found: LabFolder,
        dataset: ZarrDataset,
        changed: bool,
        hints: Hints,
        progress: ImportProgress | None,
    ) -> None:
        self._found = found
        self._dataset = dataset
        self._changed = changed
        self._hints, self._dates = hints, DateOrders(found.images)
        self._progress = progress
        self._done = 0
        self._known = KnownImages(dataset)
        self._seen = SeenFiles(dataset)
        self._report = ImportReport(links=found.links)
        self._report.failed.extend(_unreadable(error, found.root) for error in found.unreadable)

    def run(self, pool: Pool | None, *, copies: bool) -> ImportReport:
        """Bring in all that is to come."""
        if self._progress:
            self._progress(0, len(self._found.images), "")
        recognition = Recognition(
            self._found.root, self._found.images, self._known, self._seen, copies=copies
        )
        placed = list(recognition.by_place())
        others = recognition.by_content(lambda unread: _prints(unread, pool))
        try:
            self._bring(self._tasks(chain(placed, others)), pool)
        finally:
            self._seen.save()
            self._known.save()
        self._report.sort()
        return self._report

    def _bring(self, tasks: Iterable[Task], pool: Pool | None) -> None:
        """Bring images in, and report what became of each."""
        named = ((task.image.path, task) for task in tasks)
        batches = IMPORT.batches(self._dataset, named, size=1)
        for batch in ImageRun("import", "record").over(IMPORT.in_batches(), batches, pool):
            for brought in batch.value or []:
                self._report.take_brought(brought)
                self._tell(brought.task.image.path)
            for path, error in batch.errors.items():
                self._report.failed.append((path, Failure.of(path, error).message))
                self._tell(path)

    def _tasks(self, verdicts: Iterable[Verdict]) -> Iterator[Task]:
        """Yield what is to be brought in, and report what is not."""
        for verdict in map(self._unless_trashed, verdicts):
            is_due = verdict.is_moved or (verdict.changed and self._changed)
            if (
                verdict.is_trashed
                or verdict.error
                or verdict.copy_of
                or (verdict.image_id is not None and not is_due)
            ):
                self._report.take_verdict(verdict)
                self._tell(verdict.image.path)
            else:
                yield self._task(verdict)

    def _unless_trashed(self, verdict: Verdict) -> Verdict:
        """Mark an image that is in the trash; what was acquired again in its place is a new one."""
        if verdict.image_id not in self._known.trashed:
            return verdict
        if verdict.is_reacquired:
            return Verdict(verdict.image, pixels=verdict.pixels)
        return replace(verdict, is_trashed=True)

    def _task(self, verdict: Verdict) -> Task:
        root, known = self._found.root, self._known.sources.get(verdict.image_id or "")
        if known is not None and not verdict.is_moved:
            root = Path(known.root)  # the folder that was imported may be around this one
        return Task(
            verdict.image,
            root,
            self._dataset,
            verdict.pixels,
            known,
            verdict.image_id,
            verdict.is_moved,
            is_merged=self._changed,
            hints=replace(self._hints, date_order=self._dates.of(verdict.image)),
        )

    def _tell(self, path: str) -> None:
        self._done += 1
        if self._progress:
            self._progress(self._done, len(self._found.images), path)


def _prints(unread: Iterable[Unread], pool: Pool | None) -> Iterator[Fingerprint]:
    """Yield the fingerprints of images in their order, whichever is taken first."""
    taken: dict[str, Fingerprint] = {}
    ordered = list(unread)
    waiting = iter(ordered)
    next_one = next(waiting, None)
    for fingerprint in run(FINGERPRINTING, ordered, pool):
        taken[fingerprint.image.path] = fingerprint
        while next_one is not None and next_one.image.path in taken:
            yield taken.pop(next_one.image.path)
            next_one = next(waiting, None)


@contextmanager
def _only_import(dataset: ZarrDataset) -> Iterator[None]:
    """Let one import into a dataset run at a time."""
    from kymflow_zarr.store import layout
    from kymflow_zarr.store.locks import Timeout, file_lock

    place = layout.import_lock(dataset.path)
    dataset.check_writable("take a lock", place.parent)
    lock = file_lock(place)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("another import into %s is at work; waiting for it to end", dataset.path)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _unreadable(error: OSError, root: Path) -> tuple[str, str]:
    folder = Path(error.filename)
    path = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
    return path, f"this folder can't be listed: {error.strerror}; its images are left out"
