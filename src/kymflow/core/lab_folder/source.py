"""Where an image came from: what its metadata says under ``source``.

::

    "source": {
      "root": "/data/lab",                 the folder that was imported
      "path": "AngII/a.tif",               the TIFF in it
      "folders": ["AngII"],
      "files": [{"path": …, "size": …, "mtime_ns": …, "ctime_ns": …, "sha256": …}, …],
      "artifacts": ["velocity/trace.parquet", …],  what they gave beside pixels and metadata
      "pixels_sha256": …,                  of the pixels, whatever file holds them
      "history": [{"root": …, "path": …}], where it was found before, oldest first
      "base": "import/3f0a…"               what its files gave last, see `base`
    }

A dataset from elsewhere may hold anything here, so that whatever is not of this form counts as
absent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.reading import broken
from kymflow.core.lab_folder.signature import look_at, read_hash

File = Mapping[str, Any]
TIF = "tif"
TRACE_ENDINGS = ("_radon.csv", "_kymanalysis.csv")
EVENTS_ENDINGS = ("_events.json", "_kymanalysis.json")


@dataclass(frozen=True, slots=True)
class Source:
    """Where an image came from.

    Attributes:
        root: The folder that was imported; empty where that is not known.
        path: The TIFF's path relative to it; empty where that is not known.
        files: What is recorded of its files, the TIFF first.
        pixels: SHA-256 of its pixels, None where that was not recorded.
        history: Where it was found before: root and path, oldest first.
        base: Name of the artifact that holds what its files gave, None where there is none.
        artifacts: What its files gave, relative to ``analysis/``; None where that is not recorded.
            These names tell what there was; nothing is ever opened or deleted by them.
    """

    root: str
    path: str
    files: list[File] = field(default_factory=list)
    pixels: str | None = None
    history: list[tuple[str, str]] = field(default_factory=list)
    base: str | None = None
    artifacts: list[str] | None = None

    @classmethod
    def of(cls, metadata: object) -> Source | None:
        """Read the source from an image's metadata; None where it names no file."""
        source = metadata.get("source") if isinstance(metadata, dict) else None
        if not isinstance(source, dict):
            return None
        root, path, files = (source.get(name) for name in ("root", "path", "files"))
        if not isinstance(root, str) or not isinstance(path, str) or not isinstance(files, list):
            return None
        if not all(isinstance(file, dict) for file in files):
            return None
        pixels, base = source.get("pixels_sha256"), source.get("base")
        artifacts = source.get("artifacts")
        is_told = isinstance(artifacts, list) and all(isinstance(each, str) for each in artifacts)
        return cls(
            root,
            path,
            files,
            pixels if isinstance(pixels, str) else None,
            list(_places(source.get("history"))),
            base if isinstance(base, str) else None,
            artifacts if is_told else None,
        )

    @property
    def place(self) -> str:
        """The TIFF's absolute path."""
        return f"{self.root}/{self.path}"

    @property
    def tif_hash(self) -> str | None:
        """SHA-256 of the TIFF's bytes, None where it is not recorded."""
        found = self.files[0].get("sha256") if self.files else None
        return found if isinstance(found, str) else None

    @property
    def by_ending(self) -> dict[str, File]:
        """The files by what they are: ``tif``, else an ending such as ``_events.json``."""
        companions = {self.ending(file.get("path")): file for file in self.files[1:]}
        return {TIF: self.files[0], **companions} if self.files else {}

    def ending(self, path: object) -> str:
        """Return a companion's suffix: its name beyond that of its image, in lower case."""
        name = os.path.basename(path) if isinstance(path, str) else ""
        return name[len(os.path.splitext(os.path.basename(self.path))[0]) :].lower()

    def gave(self, artifact: str) -> bool:
        """Tell whether its files may have given an artifact."""
        return self.artifacts is None or any(
            name.startswith(f"{artifact}.") for name in self.artifacts
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the source as a part of the metadata."""
        described: dict[str, Any] = {
            "root": self.root,
            "path": self.path,
            "folders": self.path.split("/")[:-1],
            "files": [dict(file) for file in self.files],
        }
        if self.artifacts is not None:
            described["artifacts"] = self.artifacts
        if self.pixels is not None:
            described["pixels_sha256"] = self.pixels
        if self.history:
            described["history"] = [{"root": root, "path": path} for root, path in self.history]
        if self.base is not None:
            described["base"] = self.base
        return described

    def succeeding(self, old: Source | None) -> Source:
        """Return this with the history of the source that it takes the place of."""
        if old is None:
            return self
        here, before = (self.root, self.path), (old.root, old.path)
        places = [place for place in [*old.history, before] if place != here]
        return replace(self, history=list(dict.fromkeys(places)))

    def with_base(self, base: str) -> Source:
        """Return this with the name of another base."""
        return replace(self, base=base)


def describe_source(image: LabImage, root: Path) -> Source:
    """Look at and read all files of an image.

    Args:
        image: The image.
        root: The folder that its path is to be relative to.

    Raises:
        SourceFileError: If a file can't be read.
    """
    path = relative_path(image.tif, root)
    if not is_unicode(f"{root}/{path}"):
        raise broken(image.tif, "its path is not valid Unicode; rename it")
    return Source(str(root), path, [_describe(file, root) for file in image.files])


def check_unchanged(source: Source) -> None:
    """Refuse files that are no longer what they were when they were described.

    Raises:
        SourceFileError: If one changed, as while a microscope still writes it.
    """
    for file in source.files:
        path = Path(source.root, file["path"])
        now = look_at(path)
        if (now.size, now.mtime_ns) != (file["size"], file["mtime_ns"]):
            raise broken(path, "it changed while it was read; import again")


def relocated(old: Source, now: Source) -> Source:
    """Return the record of an image that was found elsewhere, before its files are imported again.

    A companion of other content keeps the hash that was imported, so that it counts as changed.

    Args:
        old: What is recorded.
        now: What is there.
    """
    before, after = old.by_ending, now.by_ending
    files = [
        after[ending]
        if ending in after and after[ending]["sha256"] == file.get("sha256")
        else {"path": after.get(ending, file).get("path"), "sha256": file.get("sha256")}
        for ending, file in before.items()
    ]
    return replace(old, root=now.root, path=now.path, files=files).succeeding(old)


def changed_endings(old: Source, now: Source) -> set[str]:
    """Return the endings of the files whose content is not as recorded, came, or went."""
    before, after = old.by_ending, now.by_ending
    return {
        ending
        for ending in before.keys() | after.keys()
        if ending not in before
        or ending not in after
        or before[ending].get("sha256") != after[ending].get("sha256")
    }


def relative_path(path: Path, root: Path) -> str:
    """Return a path relative to a folder, with forward slashes."""
    return path.relative_to(root).as_posix()


def is_unicode(text: str) -> bool:
    """Tell whether a path can be written down."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _describe(path: Path, root: Path) -> dict[str, Any]:
    now = look_at(path)  # before it is read: one that is replaced meanwhile is seen
    return {"path": relative_path(path, root), **now._asdict(), "sha256": read_hash(path)}


def _places(history: object) -> Iterator[tuple[str, str]]:
    for place in history if isinstance(history, list) else []:
        root, path = (place.get("root"), place.get("path")) if isinstance(place, dict) else (0, 0)
        if isinstance(root, str) and isinstance(path, str):
            yield root, path
