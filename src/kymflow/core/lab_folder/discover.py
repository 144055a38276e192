"""Find the images of a lab folder and the files that belong to each."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
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


def find_images(folder: Path) -> list[LabImage]:
    """Return the images of a folder and the folders in it, sorted by path.

    Hidden files and folders and links to folders are passed over.

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
    return sorted(_walk(folder), key=lambda image: image.path)


def _walk(root: Path) -> Iterator[LabImage]:
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        here = Path(place)
        beside = {name.lower(): here / name for name in names}
        analysis = here / ANALYSIS_FOLDER
        made = {p.name.lower(): p for p in analysis.iterdir()} if analysis.is_dir() else {}
        for name in names:
            if name.lower().endswith(TIFF_SUFFIXES) and not name.startswith("."):
                yield _image(root, here / name, beside, made)


def _image(root: Path, tif: Path, beside: Mapping[str, Path], made: Mapping[str, Path]) -> LabImage:
    stem = tif.stem.lower()
    older = made.get(f"{stem}_kymanalysis.json")
    return LabImage(
        path=tif.relative_to(root).as_posix(),
        tif=tif,
        header=beside.get(f"{stem}.txt"),
        sidecar=beside.get(f"{stem}.json"),
        trace=made.get(f"{stem}_radon.csv") or made.get(f"{stem}_kymanalysis.csv"),
        analysis=made.get(f"{stem}_radon.json") or older,
        events=made.get(f"{stem}_events.json") or older,
    )
