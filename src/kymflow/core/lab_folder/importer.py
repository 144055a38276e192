"""Import a lab folder into a dataset: what is new, and on request what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.dates import DateOrders
from kymflow.core.lab_folder.discover import LabImage, find_images
from kymflow.core.lab_folder.import_image import IMPORT, Task
from kymflow.core.lab_folder.metadata import Hints
from kymflow.core.lab_folder.source import KnownSources, same_source
from kymflow.core.workers.job import ImageRun
from kymflow.core.workers.pool import worker_pool
from kymflow.core.workers.progress import Failure

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

ImportProgress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. Paths are relative to the folder.

    Attributes:
        added: New images: path and image_id.
        updated: Images imported again because their files changed: path and image_id.
        skipped: Images already there.
        changed: Images whose files changed, left as they are.
        failed: Images that could not be imported and folders that could not be listed: path and
            message.
        warnings: What the files of images leave open or contradict, such as a missing scale: path
            and message. It is in their metadata as well, and in ``import_notes`` of ``kym_images``.
    """

    added: list[tuple[str, str]] = field(default_factory=list)
    updated: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The one line that is printed."""
        return (
            f"import added={len(self.added)} updated={len(self.updated)} "
            f"skipped={len(self.skipped)} changed={len(self.changed)} failed={len(self.failed)}"
        )

    @property
    def failures(self) -> list[Failure]:
        """The images that could not be imported, under their paths."""
        code = SourceFileError.code
        return [Failure(path, None, code, message) for path, message in self.failed]


def import_folder(
    folder: str | Path,
    dataset: ZarrDataset,
    *,
    changed: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    seconds_per_line: float | None = None,
    um_per_pixel: float | None = None,
    progress: ImportProgress | None = None,
) -> ImportReport:
    """Import the images of a lab folder.

    Every image comes in whole or not at all. One already there is skipped: its path, sizes,
    modification times and content hashes are in its metadata. A broken file is reported and does
    not stop the rest.

    Args:
        folder: The lab folder.
        dataset: The dataset, open for writing.
        changed: Whether to import images again whose files changed. The image keeps its id and
            the artifacts that did not come from the folder.
        workers: Read and write images in this many local processes; in this one if None.
        executor: Do it on this ``concurrent.futures.Executor`` instead. Its workers must reach
            both folders by the same paths.
        seconds_per_line: Time between lines, s, of images whose files say nothing of it.
        um_per_pixel: Distance between pixels, µm, of images whose files say nothing of it.
        progress: Called with (done, total, path) at the beginning and after each image.

    Returns:
        What was done.

    Raises:
        NotFoundError: If there is no such folder.
        UsageError: If it is not a folder, or a scale given is not a positive number.
        ReadOnlyError: If the dataset is open for reading only.
        WorkerError: If the executor is lost; images imported before stay.
    """
    dataset.check_writable("import a lab folder")
    hints = Hints(None, seconds_per_line, um_per_pixel)
    root = Path(folder).resolve()
    report = ImportReport()
    images = find_images(root, lambda error: report.failed.append(_unreadable(error, root)))
    unlisted = len(report.failed)

    def tell(path: str) -> None:
        if progress:
            lists = (report.added, report.updated, report.skipped, report.changed, report.failed)
            progress(sum(len(each) for each in lists) - unlisted, len(images), path)

    tell("")
    tasks = _tasks(images, root, dataset, report, changed, hints, tell)
    batches = IMPORT.batches(dataset, ((task.image.path, task) for task in tasks), size=1)
    run = ImageRun("import", on_error="record")
    with worker_pool(workers, executor) as pool:
        for batch in run.over(IMPORT.in_batches(), batches, pool):
            for imported in batch.value or []:
                path = imported.task.image.path
                done = report.added if imported.task.replaced is None else report.updated
                done.append((path, imported.image_id))
                report.warnings.extend((path, note) for note in imported.notes)
                tell(path)
            for path, error in batch.errors.items():
                report.failed.append((path, Failure.of(path, error).message))
                tell(path)
    for done in (report.added, report.updated, report.failed):
        done.sort()  # they came as they were done
    report.warnings.sort(key=lambda warning: warning[0])
    return report


def _tasks(
    images: Sequence[LabImage],
    root: Path,
    dataset: ZarrDataset,
    report: ImportReport,
    changed: bool,
    hints: Hints,
    tell: Callable[[str], None],
) -> Iterator[Task]:
    """Yield what is to be brought in, and report what is not."""
    known, dates = KnownSources(dataset), DateOrders(images)
    for image in images:
        try:
            image_id = known.find(image, root)
            same = image_id is not None and same_source(image, root, known.sources[image_id])
        except SourceFileError as error:
            report.failed.append((image.path, error.message))
        else:
            if image_id is None or (changed and not same):
                own = replace(hints, date_order=dates.of(image))
                yield Task(image, root, dataset, image_id, own)
                continue
            (report.skipped if same else report.changed).append(image.path)
        tell(image.path)


def _unreadable(error: OSError, root: Path) -> tuple[str, str]:
    folder = Path(error.filename)
    path = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
    return path, f"this folder can't be listed: {error.strerror}; its images are left out"
