"""Find the images of a lab folder and the files that belong to each."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kymflow_zarr.errors import DatasetNotFoundError, UsageError
from kymflow_zarr.reasons import escaped

TIFF_SUFFIXES = (".tif", ".tiff")
ANALYSIS_FOLDER = "flow-analysis"
DATASET_SUFFIX = ".zarr"
_NAMED = 3


@dataclass(frozen=True, slots=True)
class LabImage:
    """One TIFF and its companions; a companion that is not there is None.

    Attributes:
        path: The TIFF's path relative to the imported folder, with forward slashes.
        tif: The pixels.
        header: The microscope's ``.txt``.
        sidecar: The ``.json`` beside the TIFF.
        trace: The velocity trace, CSV.
        analysis: How the trace was made, JSON.
        events: The velocity events, JSON; in older folders the same file as ``analysis``.
    """

    path: str
    tif: Path
    header: Path | None
    sidecar: Path | None
    trace: Path | None
    analysis: Path | None
    events: Path | None

    @property
    def files(self) -> list[Path]:
        """Every file of the image, each once, the TIFF first."""
        companions = (self.header, self.sidecar, self.trace, self.analysis, self.events)
        return list(dict.fromkeys([self.tif, *(path for path in companions if path is not None)]))


@dataclass(frozen=True, slots=True)
class LabFolder:
    """What a lab folder holds.

    Attributes:
        root: The folder, with links in its own path followed.
        images: Its images, sorted by path.
        links: Links to folders that were not followed, relative to the root, sorted.
        unreadable: The error of each folder that can't be listed.
    """

    root: Path
    images: list[LabImage]
    links: list[str] = field(default_factory=list)
    unreadable: list[OSError] = field(default_factory=list)


def scan_folder(
    folder: str | Path, *, follow_links: bool = False, dataset: Path | None = None
) -> LabFolder:
    """Find the images of a folder and of the folders in it.

    Hidden files and folders and datasets (``….zarr``) are passed over. So are links to folders,
    unless they are to be followed; then each folder is visited once, by its own path rather than
    by a link.

    Args:
        folder: The folder.
        follow_links: Whether to follow links to folders.
        dataset: Where the images are to go, so that it is not searched for images itself.

    Raises:
        DatasetNotFoundError: If there is no such folder.
        UsageError: If it is not a folder, lies in the dataset, or holds no image.
    """
    _check_lab_folder(Path(folder))
    root = Path(folder).resolve()
    home = dataset.resolve() if dataset else None
    if home is not None and root.is_relative_to(home):
        raise UsageError(
            "this folder lies in the dataset that its images are to go to; name the lab's folder",
            artifact=str(root),
        )
    walk = _Walk(root, home)
    images = list(walk.images(root))
    while follow_links and walk.links:
        images += walk.images(walk.links.pop(0))
    found = LabFolder(
        root,
        sorted(images, key=lambda image: image.path),
        sorted(link.relative_to(root).as_posix() for link in walk.links),
        walk.unreadable,
    )
    if not images and not walk.unreadable:
        raise UsageError(_nothing_in(found), artifact=str(root))
    return found


def _check_lab_folder(folder: Path) -> None:
    """Refuse what can't be a lab folder.

    Raises:
        DatasetNotFoundError: If there is no such folder.
        UsageError: If it is not a folder.
    """
    if not folder.exists():
        raise DatasetNotFoundError(
            "there is no such lab folder; check the path", artifact=str(folder)
        )
    if not folder.is_dir():
        raise UsageError("a lab folder is a folder, not a file", artifact=str(folder))


def _nothing_in(found: LabFolder) -> str:
    """Say why there is nothing to import."""
    if (found.root / "zarr.json").exists() or (found.root / ".zgroup").exists():
        return "this is a Zarr store, not a lab folder; name the folder that holds the TIFFs"
    if found.links:
        return (
            f"there is no TIFF in this folder, but {named_links(found.links)}: "
            f"--follow-links (follow_links=True) searches linked folders"
        )
    return "there is no TIFF (.tif, .tiff) in this folder or the folders in it; check the path"


def named_links(links: list[str]) -> str:
    """Return how many links there are, and the first of them."""
    named = ", ".join(escaped(link) for link in links[:_NAMED])
    more = ", …" if len(links) > _NAMED else ""
    return f"{len(links)} linked folder{'s' if len(links) > 1 else ''} ({named}{more})"


class _Walk:
    """A walk over a folder, and later over what links in it lead to.

    Args:
        root: The folder.
        dataset: A folder to leave out.

    Attributes:
        links: Links to folders that were met and not followed.
        unreadable: The error of each folder that can't be listed.
    """

    def __init__(self, root: Path, dataset: Path | None) -> None:
        self.links: list[Path] = []
        self.unreadable: list[OSError] = []
        self._root = root
        self._visited: set[tuple[int, int]] = set()
        if dataset is not None and dataset.is_dir():
            self._visited.add(_identity(dataset))

    def images(self, top: Path) -> Iterator[LabImage]:
        """Yield the images of a folder and the folders in it that were not visited before."""
        for place, folders, names in os.walk(top, onerror=self.unreadable.append):
            here = Path(place)
            if not self._is_new(here):
                folders.clear()
                continue
            folders[:] = sorted(name for name in folders if self._is_entered(here, name))
            tifs = [
                here / name
                for name in names
                if name.lower().endswith(TIFF_SUFFIXES) and not name.startswith(".")
            ]
            if not tifs:
                continue
            stems = {tif.stem for tif in tifs}
            beside = _Companions([here / name for name in names], stems)
            made = _Companions(_listed(here / ANALYSIS_FOLDER, self.unreadable.append), stems)
            for tif in tifs:
                yield _image(self._root, tif, beside, made)

    def _is_new(self, folder: Path) -> bool:
        """Tell whether a folder was not visited yet, and note that it is now."""
        try:
            identity = _identity(folder)
        except OSError:
            return True  # it fails when it is listed
        if identity in self._visited:
            return False
        self._visited.add(identity)
        return True

    def _is_entered(self, here: Path, name: str) -> bool:
        if name.startswith(".") or name.lower().endswith(DATASET_SUFFIX):
            return False
        if not (here / name).is_symlink():
            return True
        if name != ANALYSIS_FOLDER:  # which is looked into, wherever it lies
            self.links.append(here / name)
        return False


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _listed(folder: Path, unreadable: Callable[[OSError], None]) -> list[Path]:
    try:
        return list(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        unreadable(error)
        return []


class _Companions:
    """The files of a folder that go with its images, found whatever the case of their names.

    Args:
        paths: The files.
        stems: The images' names; a file that bears one of them exactly goes with that one only.
    """

    def __init__(self, paths: Iterable[Path], stems: Collection[str]) -> None:
        self._stems = stems
        self._paths: dict[str, list[Path]] = {}
        for path in sorted(paths):
            self._paths.setdefault(path.name.lower(), []).append(path)

    def of(self, stem: str, ending: str) -> Path | None:
        """Return an image's file of this ending, None where there is none."""
        paths = self._paths.get(f"{stem}{ending}".lower(), [])
        bearers = {path.name[: -len(ending)]: path for path in reversed(paths)}
        others = (path for name, path in bearers.items() if name not in self._stems)
        return bearers.get(stem) or next(others, None)


def _image(root: Path, tif: Path, beside: _Companions, made: _Companions) -> LabImage:
    older = made.of(tif.stem, "_kymanalysis.json")
    return LabImage(
        path=tif.relative_to(root).as_posix(),
        tif=tif,
        header=beside.of(tif.stem, ".txt"),
        sidecar=beside.of(tif.stem, ".json"),
        trace=made.of(tif.stem, "_radon.csv") or made.of(tif.stem, "_kymanalysis.csv"),
        analysis=made.of(tif.stem, "_radon.json") or older,
        events=made.of(tif.stem, "_events.json") or older,
    )
