"""Which image is which: a lab's files told apart by place and content, not by name alone.

A TIFF whose path is on record and whose bytes are the ones recorded is that image. Any other has
its fingerprint taken. If an image has this content and its own TIFF is gone from where it was,
that image has moved here; if its TIFF is still there, this one is a copy. A path on record whose
content is known nowhere was acquired again. What is left is new.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.fingerprint import Fingerprint, Unread
from kymflow.core.lab_folder.known import KnownImages
from kymflow.core.lab_folder.seen import SeenFiles
from kymflow.core.lab_folder.source import TIF, Source

TakePrints = Callable[[Iterable[Unread]], Iterable[Fingerprint]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which image a lab's image is.

    Attributes:
        image: The lab's image.
        image_id: The image of the dataset, None if it is new.
        is_moved: Whether it was found elsewhere than recorded.
        changed: Which of its files differ from those recorded, as in ``Source.by_ending``; of one
            that moved that is not known yet.
        pixels: The hash of the pixels, where it was computed.
        copy_of: Where the same pixels are; such a copy is no image of its own.
        error: Why it can't be told, empty if it can.
        is_reacquired: Whether its pixels are known nowhere, though its path is.
        is_trashed: Whether it is in the dataset's trash.
    """

    image: LabImage
    image_id: str | None = None
    is_moved: bool = False
    changed: frozenset[str] = frozenset()
    pixels: str | None = None
    copy_of: str = ""
    error: str = ""
    is_reacquired: bool = False
    is_trashed: bool = False


class Recognition:
    """Tells which image of a dataset each image of a lab folder is.

    Args:
        root: The folder.
        images: Its images, sorted by path.
        known: The dataset's images.
        seen: How files looked when they were last read.
        copies: Whether copies are images of their own.
    """

    def __init__(
        self,
        root: Path,
        images: Sequence[LabImage],
        known: KnownImages,
        seen: SeenFiles,
        *,
        copies: bool,
    ) -> None:
        self._root = str(root)
        self._images = images
        self._known = known
        self._seen = seen
        self._copies = copies
        self._here = {self._place(image) for image in images}
        self._is_there: dict[str, bool] = {}
        self._claimed: dict[str, str] = {}
        self._new: dict[str, str] = {}
        self._strangers: list[LabImage] = []
        self._other_tifs: list[LabImage] = []
        self._lost_by_pixels: dict[str, list[str]] | None = None

    def by_place(self) -> Iterator[Verdict]:
        """Yield a verdict on every image whose TIFF is where it was, as it was."""
        for image in self._images:
            image_id = self._known.by_place.get(self._place(image))
            if image_id is None:
                self._strangers.append(image)
                continue
            try:
                if self._has_same_tif(image_id):
                    yield self._unmoved(image, image_id)
                else:
                    self._other_tifs.append(image)
            except SourceFileError as error:
                yield Verdict(image, error=error.message)

    def by_content(self, take: TakePrints) -> Iterator[Verdict]:
        """Yield a verdict on every other image, once all those by place are given.

        Args:
            take: Takes fingerprints, one for each image given, in the same order.
        """
        reacquired = []
        for print_ in take(self._unread(self._other_tifs)):
            verdict = self._with_other_tif(print_)
            if verdict is None:
                reacquired.append(print_)
            else:
                yield verdict
        for print_ in take(self._unread(self._strangers)):
            yield self._stranger(print_)
        # Last, since the image that was here may have been found elsewhere.
        for print_ in reacquired:
            yield self._reacquired(print_)

    def _place(self, image: LabImage) -> str:
        return f"{self._root}/{image.path}"

    def _unmoved(self, image: LabImage, image_id: str) -> Verdict:
        """Return the verdict on an image whose TIFF is as recorded."""
        source = self._known.sources[image_id]
        inner = source.root.startswith(f"{self._root}{os.sep}")  # a folder in this was imported
        changed = frozenset(self._changed_companions(image, source))
        return Verdict(image, image_id, inner, changed)

    def _has_same_tif(self, image_id: str) -> bool:
        """Tell whether an image's TIFF is where it was, as it was.

        Raises:
            SourceFileError: If it can't be read.
        """
        if image_id not in self._is_there:
            source = self._known.sources.get(image_id)
            self._is_there[image_id] = bool(
                source
                and source.files
                and (source.place in self._here or os.path.isfile(source.place))
                and self._seen.has_same_content(Path(source.place), source.files[0])
            )
        return self._is_there[image_id]

    def _changed_companions(self, image: LabImage, source: Source) -> Iterator[str]:
        """Yield what came, went, or is of other content than recorded.

        Raises:
            SourceFileError: If a file can't be read.
        """
        start = len(source.root) + 1
        recorded = {file["path"]: file for file in source.files if _has_path(file)}
        now = {file.as_posix()[start:]: file for file in image.files}
        for path in recorded.keys() ^ now.keys():
            yield source.ending(path)
        for path in recorded.keys() & now.keys():
            file = now[path]
            if file != image.tif and not self._seen.has_same_content(file, recorded[path]):
                yield source.ending(path)

    def _is_lost(self, image_id: str) -> bool:
        """Tell whether an image's TIFF is no longer where it was."""
        if image_id in self._claimed:
            return False
        try:
            return not self._has_same_tif(image_id)
        except SourceFileError:
            return False  # it is there, and can't be read

    def _unread(self, images: Iterable[LabImage]) -> list[Unread]:
        names: dict[str, set[str]] = defaultdict(set)
        for image_id, source in self._known.sources.items():
            if source.tif_hash is not None and not self._is_there.get(image_id):
                names[os.path.basename(source.path)].add(source.tif_hash)
        return [Unread(image, frozenset(names.get(image.tif.name, ()))) for image in images]

    def _with_other_tif(self, print_: Fingerprint) -> Verdict | None:
        """Return the verdict on an image at a known path with other bytes, None if it is open."""
        image = print_.image
        image_id = self._known.by_place[self._place(image)]
        if print_.error:
            return Verdict(image, error=print_.error)
        if print_.pixels is not None and print_.pixels == self._known.pixels_of(image_id):
            self._is_there[image_id] = True  # saved again, with other tags or another compression
            return Verdict(image, image_id, changed=frozenset({TIF}), pixels=print_.pixels)
        return self._moved(print_)

    def _reacquired(self, print_: Fingerprint) -> Verdict:
        image_id = self._known.by_place[self._place(print_.image)]
        if image_id in self._claimed:
            return self._stranger(print_)
        elsewhere = self._present(print_, but=image_id)
        if elsewhere and not self._copies:
            return Verdict(print_.image, copy_of=elsewhere)
        return Verdict(
            print_.image,
            image_id,
            changed=frozenset({TIF}),
            pixels=print_.pixels,
            is_reacquired=True,
        )

    def _stranger(self, print_: Fingerprint) -> Verdict:
        """Return the verdict on an image whose path is not on record."""
        if print_.error:
            return Verdict(print_.image, error=print_.error)
        moved = self._moved(print_)
        if moved is not None:
            return moved
        alias = self._alias(print_)
        if alias is not None:
            return alias
        elsewhere = self._present(print_)
        if elsewhere and not self._copies:
            return Verdict(print_.image, copy_of=elsewhere)
        for content in (print_.tif, print_.pixels):
            if content is not None:
                self._new.setdefault(content, print_.image.path)
        return Verdict(print_.image, pixels=print_.pixels)

    def _moved(self, print_: Fingerprint) -> Verdict | None:
        """Return the verdict if an image of this content is gone from where it was."""
        lost = [each for each in self._alike(print_) if self._is_lost(each)]
        if not lost:
            return None
        name = print_.image.tif.name
        found = min(lost, key=lambda each: self._likeness(each, name))
        self._claimed[found] = print_.image.path
        return Verdict(print_.image, found, is_moved=True, pixels=print_.pixels)

    def _likeness(self, image_id: str, name: str) -> tuple[bool, str, str]:
        """Sort key of images of one content: one of the same file name comes first."""
        source = self._known.sources.get(image_id)
        place = source.place if source else ""
        return os.path.basename(place) != name, place, image_id

    def _alias(self, print_: Fingerprint) -> Verdict | None:
        """Return the verdict if the file is a known one by another way, as a second mount."""
        for image_id in self._alike(print_):
            source = self._known.sources.get(image_id)
            if source and source.place not in self._here and _is_one_file(source, print_.image):
                return Verdict(print_.image, image_id)
        return None

    def _present(self, print_: Fingerprint, but: str = "") -> str:
        """Return where another image of this content is, empty if nowhere."""
        for image_id in self._alike(print_):
            if image_id != but and not self._is_lost(image_id):
                source = self._known.sources.get(image_id)
                place = source.place.removeprefix(f"{self._root}/") if source else image_id
                return self._claimed.get(image_id, place)
        return self._new.get(print_.tif) or self._new.get(print_.pixels or "", "")

    def _alike(self, print_: Fingerprint) -> list[str]:
        """Return the dataset's images of this content, those included that don't name theirs."""
        alike = self._known.alike(print_)
        if print_.pixels is None or not self._known.unhashed:
            return alike
        if self._lost_by_pixels is None:
            self._lost_by_pixels = defaultdict(list)
            for image_id in self._known.unhashed:
                if self._is_lost(image_id) and (pixels := self._known.pixels_of(image_id)):
                    self._lost_by_pixels[pixels].append(image_id)
        return list(dict.fromkeys([*alike, *self._lost_by_pixels.get(print_.pixels, ())]))


def _has_path(file: object) -> bool:
    return isinstance(file, dict) and isinstance(file.get("path"), str)


def _is_one_file(source: Source, image: LabImage) -> bool:
    try:
        return os.path.samefile(source.place, image.tif)
    except OSError:
        return False
