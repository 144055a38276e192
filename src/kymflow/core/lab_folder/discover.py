"""Find the images of a lab folder and the files that belong to each."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from kymflow_zarr.errors import DatasetNotFoundError, UsageError

TIFF_SUFFIXES = (".tif", ".tiff")
ANALYSIS_FOLDER = "flow-analysis"


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


def find_images(folder: Path, unreadable: Callable[[OSError], None]) -> list[LabImage]:
    """Return the images of a folder and the folders in it, sorted by path.

    Hidden files and folders and links to folders are passed over.

    Args:
        folder: The folder.
        unreadable: Told of each folder in it that can't be listed.

    Raises:
        DatasetNotFoundError: If there is no such folder.
        UsageError: If it is not a folder.
    """
    check_lab_folder(folder)
    return sorted(_walk(folder, unreadable), key=lambda image: image.path)


def check_lab_folder(folder: Path) -> None:
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


def _walk(root: Path, unreadable: Callable[[OSError], None]) -> Iterator[LabImage]:
    for place, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(place)
        tifs = [
            here / name
            for name in names
            if name.lower().endswith(TIFF_SUFFIXES) and not name.startswith(".")
        ]
        if not tifs:
            continue
        stems = {tif.stem for tif in tifs}
        beside = _Companions([here / name for name in names], stems)
        made = _Companions(_listed(here / ANALYSIS_FOLDER, unreadable), stems)
        for tif in tifs:
            yield _image(root, tif, beside, made)


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
