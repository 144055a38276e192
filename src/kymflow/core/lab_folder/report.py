"""What an import says of itself. Paths are relative to the folder."""

from __future__ import annotations

from collections.abc import Sized
from dataclasses import dataclass, field

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.import_image import Imported
from kymflow.core.lab_folder.recognition import Verdict
from kymflow.core.lab_folder.three_way import Clash
from kymflow.core.wording import counted, told
from kymflow.core.workers.progress import Failure


@dataclass(frozen=True, slots=True)
class Conflict:
    """Something that was changed both in the folder and in the dataset, whose value was kept.

    Attributes:
        path: The image's path.
        image_id: The image.
        artifact: The artifact it is in: ``metadata``, ``velocity_events/events`` …, or ``pixels``.
        clash: Its field, and the three values.
    """

    path: str
    image_id: str
    artifact: str
    clash: Clash

    def __str__(self) -> str:
        return f"{self.path}: {self.clash}"


@dataclass(frozen=True, slots=True)
class Moved:
    """An image found elsewhere than it was imported from.

    Attributes:
        path: Where it is now.
        image_id: The image.
        was: Where it was, absolute; empty where the dataset did not say.
    """

    path: str
    image_id: str
    was: str


@dataclass(frozen=True, slots=True)
class Copy:
    """A TIFF with the pixels of an image that is still where it was.

    Attributes:
        path: The TIFF's path.
        of: Where that image is.
    """

    path: str
    of: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        added: New images: path and image_id.
        updated: Images whose changed files were merged: path and image_id.
        skipped: Images already there, unchanged.
        changed: Images whose files changed, left as they are.
        failed: Images that could not be imported and folders that could not be listed: path and
            message.
        moved: Images found elsewhere than they were imported from; their new path is on record.
        copies: Copies of images, left out.
        conflicts: What was changed on both sides; the dataset's values were kept.
        reacquired: Images among those updated whose pixels were replaced: path and image_id.
        trashed: Images left out because a person deleted them from the dataset, see
            ``kymflow images``.
        links: Links to folders that were not followed.
        warnings: What the files of images leave open or contradict, such as a missing scale: path
            and message. It is in their metadata as well, and in ``import_notes`` of ``kym_images``.
    """

    added: list[tuple[str, str]] = field(default_factory=list)
    updated: list[tuple[str, str]] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    moved: list[Moved] = field(default_factory=list)
    copies: list[Copy] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    reacquired: list[tuple[str, str]] = field(default_factory=list)
    trashed: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    warnings: list[tuple[str, str]] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """The one line that is printed."""
        counted = ("added", "updated", "skipped", "changed", "moved", "copies", "conflicts")
        told = (*counted, *(("trashed",) if self.trashed else ()), "failed")
        return "import " + " ".join(f"{name}={len(getattr(self, name))}" for name in told)

    @property
    def sentence(self) -> str:
        """The same for people: ``import: 4 images new, 1 merged with its changed files``."""
        counts: dict[str, Sized] = {
            "merged with changed files": self.updated,
            "up to date": self.skipped,
            "changed in the folder and left as they are": self.changed,
            "found at another place": self.moved,
            "copies left out": self.copies,
            "deleted before and left out": self.trashed,
            "failed": self.failed,
        }
        new = f"{counted(len(self.added), 'image')} new" if self.added or not self.skipped else None
        others = [f"{len(them):,} {what}" for what, them in counts.items() if them]
        conflicts = counted(len(self.conflicts), "conflict") if self.conflicts else None
        return told("import", [new, *others, conflicts])

    @property
    def failures(self) -> list[Failure]:
        """The images that could not be imported, under their paths."""
        code = SourceFileError.code
        return [Failure(path, None, code, message) for path, message in self.failed]

    def take_verdict(self, verdict: Verdict) -> None:
        """Note an image that there is nothing to do for."""
        path = verdict.image.path
        if verdict.is_trashed:
            self.trashed.append(path)
        elif verdict.error:
            self.failed.append((path, verdict.error))
        elif verdict.copy_of:
            self.copies.append(Copy(path, verdict.copy_of))
        else:
            (self.changed if verdict.changed else self.skipped).append(path)

    def take_brought(self, brought: Imported) -> None:
        """Note what became of an image."""
        task, path = brought.task, brought.task.image.path
        self.warnings.extend((path, note) for note in brought.notes)
        if task.image_id is None:
            self.added.append((path, brought.image_id))
            return
        if task.is_moved:
            was = task.known.place if task.known else ""
            self.moved.append(Moved(path, brought.image_id, was))
        if brought.changed and not brought.is_merged:
            self.changed.append(path)
        elif brought.is_merged or not task.is_moved:
            self.updated.append((path, brought.image_id))
        if brought.has_new_pixels:
            self.reacquired.append((path, brought.image_id))
        self.conflicts.extend(
            Conflict(path, brought.image_id, artifact, clash) for artifact, clash in brought.clashes
        )

    def sort(self) -> None:
        """Bring the lists into the order of the paths; images come as they are done."""
        for done in (self.added, self.updated, self.changed, self.failed, self.reacquired):
            done.sort()
        self.warnings.sort(key=lambda warning: warning[0])
        for listed in (self.moved, self.copies, self.conflicts):
            listed.sort(key=lambda each: each.path)
